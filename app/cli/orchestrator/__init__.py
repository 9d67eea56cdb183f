"""`meta-ai orchestrator`, `config` and `status`."""
