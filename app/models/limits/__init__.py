"""What may delay or refuse an attempt: breaker, rate limits, concurrency, API keys."""
