"""The models: one file for each wire dialect."""
