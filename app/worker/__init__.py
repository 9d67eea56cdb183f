"""One worker: its parts, its Faust application, and what it restores when partitions are assigned to it."""
