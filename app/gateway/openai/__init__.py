"""The OpenAI-compatible part of the API."""
