"""What hosted providers share: HTTP client, endpoints, errors, event streams and batch files."""
