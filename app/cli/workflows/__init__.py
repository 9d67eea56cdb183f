"""`meta-ai workflows`, `deploy` and `rollback`."""
