"""Connectors: what workflows call besides models and documents, such as HTTP services and user functions."""
