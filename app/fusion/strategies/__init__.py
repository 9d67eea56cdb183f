"""The fusion strategies, one file for each."""
