"""What the orchestrator serves over HTTP."""
