"""What stands between a call and its provider: breakers, limits, bulkheads and keys, each a small state machine."""
