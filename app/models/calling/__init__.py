"""Calls of models: attempts, retries, hedging, streaming and continuation."""
