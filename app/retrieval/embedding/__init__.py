"""Embedders, and the batches that their calls are collected in."""
