"""OpenAI's APIs, Chat Completions and Responses, and the providers that speak one of them."""
