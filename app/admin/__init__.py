"""What operators see and do, for commands and gateways: deployments, documents, dead letters, money, the group."""
