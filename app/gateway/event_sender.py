"""Put events on their topics, each where its key is at home."""

from __future__ import annotations

import asyncio
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from app.brokers.base import Connection
from app.delivery.envelope import Outgoing, headers
from app.errors import BrokerError, InvalidEvent
from app.partitioner import partition_of
from app.settings import Settings
from app.telemetry.traceparent import child_traceparent
from topics.base import Event, Topic

SOURCE = "/meta-ai/gateway"
#: Seconds for an acknowledgement.
SEND_SECONDS = 10.0


class EventSender:
    """Sends events; `start`, then `stop`, both once."""

    def __init__(self, settings: Settings, connection: Connection) -> None:
        self._topics = settings.topics
        # Not idempotent, which the embedded broker does not support: workers know a repeated event by its id.
        self._producer = AIOKafkaProducer(
            bootstrap_servers=connection.bootstrap_servers,
            **connection.client_options,
            acks="all",
            max_request_size=settings.topics.max_request_bytes,
        )

    async def start(self) -> None:
        """Connect.

        Raises:
            BrokerError: the broker cannot be reached.
        """
        try:
            await self._producer.start()
        except KafkaError as error:
            await self._producer.stop()
            raise BrokerError(f"the broker cannot be reached: {type(error).__name__}") from error

    async def stop(self) -> None:
        """Disconnect."""
        await self._producer.stop()

    async def send(self, topic: Topic[Any], task_id: str, event: Event, id: str) -> int:  # noqa: A002  # the event's
        """Send an event of a task; return its offset when the broker has it.

        Raises:
            BrokerError: the broker does not acknowledge it; it may have it nevertheless.
            InvalidEvent: it is larger than the broker takes.
        """
        outgoing = Outgoing(topic, task_id, event, id, partition_of(task_id, self._topics.partitions))
        try:
            async with asyncio.timeout(SEND_SECONDS):
                sent = await self._producer.send_and_wait(
                    self._topics.prefix + topic.name,
                    key=task_id.encode(),
                    value=event.to_json(),
                    headers=headers(outgoing, source=SOURCE, cause=None, traceparent=child_traceparent(None)),
                    partition=outgoing.partition,
                )
        except MessageSizeTooLargeError:
            raise InvalidEvent("too_large", f"larger than topics.max_message_bytes allows on {topic.name}") from None
        except (KafkaError, TimeoutError) as error:
            raise BrokerError(f"the broker did not acknowledge an event: {type(error).__name__}") from error
        offset: int = sent.offset
        return offset
