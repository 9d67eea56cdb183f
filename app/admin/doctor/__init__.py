"""The checks of `meta-ai doctor`: each finds out one thing about an installation, and says how to fix it."""
