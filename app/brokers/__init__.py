"""The broker to run on: embedded, Apache Kafka on this machine, or a cluster."""
