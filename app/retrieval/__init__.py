"""Cutting, embedding, storing and finding documents."""
