"""The workflow engine: what a run does next is the pure function `advance`."""
