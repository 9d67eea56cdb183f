"""`meta-ai demo`."""
