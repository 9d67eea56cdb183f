"""Reading and writing topics: `meta-ai topics`, `dead-letters`, and what other commands share."""
