"""Read YAML and JSON files with the position of each value, and report problems line by line."""
