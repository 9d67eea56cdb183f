"""What all providers over HTTP share: client, errors, event streams, rate limit headers."""
