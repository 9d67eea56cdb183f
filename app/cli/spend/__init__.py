"""`meta-ai spend` and `budgets`."""
