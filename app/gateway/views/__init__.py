"""What the gateway knows of the topics that it reads, and can read again."""
