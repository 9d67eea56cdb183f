"""What the agent `sync` is made of: what is known of sources, pages, documents, and the schedule."""
