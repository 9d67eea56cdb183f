"""Topics in files and back: exact as JSON lines, typed as Parquet."""
