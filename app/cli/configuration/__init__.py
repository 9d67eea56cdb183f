"""`meta-ai config`, `orchestrator init` and `adapters add`: write, show, check and move configurations."""
