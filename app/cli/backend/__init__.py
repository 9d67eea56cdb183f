"""What the verbs that read and control need of an orchestrator: over Kafka, or over its API."""
