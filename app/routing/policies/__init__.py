"""The routing policies, one file for each."""
