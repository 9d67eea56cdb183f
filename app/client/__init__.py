"""The Kafka client of commands and gateways: it sends events and reads topics, without a consumer group."""
