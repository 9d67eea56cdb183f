"""What a workflow says: its form, loading, compiling, and deployment."""
