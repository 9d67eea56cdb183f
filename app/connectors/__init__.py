"""What workflows reach besides models and documents: HTTP services, functions of the user's, and the embedder."""
