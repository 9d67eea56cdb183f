"""Limits between a call and its provider: breaker, rate limit, concurrency and keys, each a small state machine."""
