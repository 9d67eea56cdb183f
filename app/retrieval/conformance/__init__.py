"""What every embedder and every store promises, as checks for any of them."""
