"""A deterministic fake model with scripted answers."""
