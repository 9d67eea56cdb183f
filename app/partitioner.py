"""Where an event lies: the partition that every Kafka client gives a key unless it is told otherwise."""

from __future__ import annotations

from functools import lru_cache

from aiokafka.partitioner import murmur2


@lru_cache(maxsize=16_384)  # all events of a run have one key, and hashing is done in Python
def partition_of(key: str, partitions: int) -> int:
    """Return the partition, of so many, that Kafka's default partitioner gives a key."""
    hashed: int = murmur2(key.encode())
    return (hashed & 0x7FFFFFFF) % partitions
