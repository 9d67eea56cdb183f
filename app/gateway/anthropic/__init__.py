"""The Anthropic-compatible part of the API."""
