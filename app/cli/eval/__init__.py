"""`meta-ai eval`."""
