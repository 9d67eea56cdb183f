"""Faust's and aiokafka's consumer and producer as delivery needs them; their private names are in `kafka_private`."""
