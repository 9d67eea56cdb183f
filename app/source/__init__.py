"""Files that people write, in YAML or JSON: read with the place of each value, and complained of line by line."""
