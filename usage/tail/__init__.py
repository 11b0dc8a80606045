"""The live tail: calls of one tenant as they start and end, for its own people. Decision 38."""
