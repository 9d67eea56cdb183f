"""GitHub Copilot, through its SDK."""
