"""How a decision is frozen, sealed into the chain of decisions, handed out as an archive and verified."""
