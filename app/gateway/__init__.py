"""The HTTP API: it turns requests into events, and finds results on their topic."""
