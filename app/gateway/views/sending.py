"""Sending one event to the partition that its key has."""

from __future__ import annotations

import asyncio
from typing import TypeVar

from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from app.client.client import Client
from app.errors import BrokerError, InvalidEvent
from app.partitioner import partition_of
from topics.base import Event, Topic

E = TypeVar("E", bound=Event)
#: Seconds for an acknowledgement.
SEND_SECONDS = 10.0


async def put(client: Client, topic: Topic[E], key: str, event: E, id: str) -> int:  # noqa: A002  # the event's
    """Put an event where its key is at home, and return its offset when the broker has it.

    Raises:
        BrokerError: the broker does not acknowledge it; it may have it nevertheless.
        InvalidEvent: it is larger than the broker takes.
    """
    home = partition_of(key, client.settings.topics.partitions)
    try:
        async with asyncio.timeout(SEND_SECONDS):
            sent = await (await client.send(topic, key, event, id=id, partition=home))
    except MessageSizeTooLargeError:
        raise InvalidEvent("too_large", f"larger than topics.max_message_bytes allows on {topic.name}") from None
    except (KafkaError, TimeoutError) as error:
        raise BrokerError(f"the broker did not acknowledge an event: {type(error).__name__}") from error
    offset: int = sent.offset
    return offset
