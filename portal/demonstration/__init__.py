"""Demonstration data, made by the verbs a person would use, with a fixed seed; loaded and removed as a whole."""
