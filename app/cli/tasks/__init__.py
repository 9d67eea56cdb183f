"""`meta-ai ask`, `tasks` and `results`: send tasks and show their results."""
