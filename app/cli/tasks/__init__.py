"""`meta-ai tasks`, `ask` and `results`."""
