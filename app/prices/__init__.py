"""Prices of models: the built-in table, the user's own, and the cost of calls."""
