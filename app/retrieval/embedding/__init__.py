"""Embedders, and batching of their calls."""
