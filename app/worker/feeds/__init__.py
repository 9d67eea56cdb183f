"""What keeps a worker in step with the topics that every worker reads whole."""
