"""`queue`: puts messages on a topic of Kafka, here or in another cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic_core import to_json

from app.connectors.base import Arguments, parse_arguments, parse_options
from app.errors import ConfigurationError, ConnectorError, ConnectorUnavailable
from app.settings import ConnectorSettings


class QueueConnectorOptions(BaseModel):
    """How large a message may be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_bytes: int = Field(default=512 * 1024, ge=1)


class QueueArguments(Arguments):
    """A `message`, text or any JSON, and its `key`: give it one that belongs to the run, as it may be sent twice."""

    message: JsonValue
    key: str = Field(min_length=1, max_length=1000)


class QueueConnector:
    """Puts messages on one topic; the connection is opened by the first."""

    def __init__(self, servers: str, topic: str, max_bytes: int) -> None:
        self._servers = servers
        self._topic = topic
        self._max_bytes = max_bytes
        self._producer: AIOKafkaProducer | None = None
        self._opening = asyncio.Lock()
        self._closed = False

    @classmethod
    def from_settings(cls, name: str, settings: ConnectorSettings) -> Self:
        """Return the topic that the configuration calls `name`.

        Raises:
            ConfigurationError: the URL or an option is not valid.
        """
        parts = urlsplit(settings.url or "")
        topic = parts.path.strip("/")
        if parts.scheme != "kafka" or not (parts.netloc and topic) or "@" in parts.netloc:
            raise ConfigurationError(f"connectors.{name}.url: is not of the form kafka://host:port,host:port/topic")
        options = parse_options(name, settings, QueueConnectorOptions)
        return cls(parts.netloc, topic, options.max_bytes)

    async def run(self, arguments: Mapping[str, JsonValue], *, timeout: float) -> JsonValue:
        """Return where the message is, when all replicas have it.

        Raises:
            ConnectorError: the message is too large, or the cluster is away.
        """
        given = parse_arguments(arguments, QueueArguments)
        value = given.message.encode() if isinstance(given.message, str) else to_json(given.message)
        if len(value) > self._max_bytes:
            raise ConnectorError(f"arguments.message: {len(value)} bytes are more than options.max_bytes allows")
        try:
            async with asyncio.timeout(timeout):
                producer = await self._opened()
                sent = await producer.send_and_wait(self._topic, value, key=given.key.encode())
        except MessageSizeTooLargeError:
            raise ConnectorError("arguments.message: it is larger than the cluster takes") from None
        except (KafkaError, OSError, TimeoutError) as error:
            raise ConnectorUnavailable(f"the message is not acknowledged: {type(error).__name__}") from None
        return {"partition": sent.partition, "offset": sent.offset}

    async def close(self) -> None:
        """Send what is on its way, and close the connection; none is opened afterwards."""
        self._closed = True
        if self._producer is not None:
            producer, self._producer = self._producer, None
            await producer.stop()

    async def _opened(self) -> AIOKafkaProducer:
        async with self._opening:  # of several that send at once, one opens it for all
            if self._closed:
                raise ConnectorError("the connector is closed")
            if self._producer is None:
                producer = AIOKafkaProducer(bootstrap_servers=self._servers.split(","), acks="all")
                try:
                    await producer.start()
                except BaseException:
                    with suppress(Exception):
                        await producer.stop()
                    raise
                self._producer = producer
            return self._producer
