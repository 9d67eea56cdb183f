"""Webhooks: telling the receivers that tasks name that they have ended."""
