"""Split documents into chunks."""
