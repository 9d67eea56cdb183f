"""`meta-ai stores`: the stores that answers are drawn from."""
