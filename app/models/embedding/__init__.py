"""Embedders that are services: their hosts, their dialects, and the client."""
