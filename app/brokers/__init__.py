"""The brokers: embedded, Apache Kafka on this machine, or a cluster."""
