"""`meta-ai orchestrator`: run, configure and inspect the service."""
