"""Prompt templates: Jinja, in a sandbox of our own, which inserts data only."""
