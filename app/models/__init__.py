"""Models: the port, and a room for each provider; calls with their limits, retries and streams."""
