"""Conversations over HTTP, whatever the form of the API: the tasks that they become, and how answers are told."""
