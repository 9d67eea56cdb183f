"""Retrieval: split, embed, store and find documents."""
