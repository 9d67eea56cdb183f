"""`meta-ai runs`."""
