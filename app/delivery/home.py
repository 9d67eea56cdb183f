"""The way home: events of one key lie in one partition, whatever partitioner their producer has."""

from __future__ import annotations

from typing import Any

from app.delivery.envelope import Outgoing, Received
from app.partitioner import partition_of
from topics.base import Topic


def way_home(
    topic: Topic[Any], key: str, received: Received[Any], partitions: int, *, owner: str = ""
) -> Outgoing | None:
    """Return an event as it is to be sent to the partition that its key has; None if that is where it was received.

    Only one partition gives an order, which a restart repeats: so an event elsewhere is sent there before anything is
    done for it. Its place is that of `key`, or else of the `owner` whose events stay together under several keys.
    """
    home = partition_of(owner or key, partitions)
    if home == received.partition:
        return None
    return Outgoing(topic, key, received.event, received.id, home, value=received.value)
