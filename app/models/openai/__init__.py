"""OpenAI, and the providers that speak its dialects."""
