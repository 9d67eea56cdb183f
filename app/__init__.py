"""The rooms that the agents step into."""
