"""Budgets: what a run reserves and spends, and the one owner that adds it up."""
