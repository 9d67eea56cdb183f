"""`meta-ai audit`: who did what, and whether that was changed afterwards."""
