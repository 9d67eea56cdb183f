"""`meta-ai spend` and `meta-ai budgets`: costs, prices and budgets."""
