"""`meta-ai routing`."""
