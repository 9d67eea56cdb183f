"""Acknowledgement, commits, bounded concurrency, retries and dead letters, for every agent."""
