"""The state of a partition: in memory, on the state topic, and read back from there."""
