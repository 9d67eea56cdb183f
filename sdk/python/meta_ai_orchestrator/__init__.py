"""Meta AI Orchestrator: an event-driven orchestrator of language models on Kafka."""

__version__ = "0.1.0"
