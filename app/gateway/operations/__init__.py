"""What operators do over HTTP: workflows, documents, dead letters, money, feedback, figures, the configuration."""
