"""`kafka`: the messages of a topic, here or in another cluster: the last of each key is the document of that key."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from pydantic import Field, JsonValue, SecretStr

from app.decoding import NotJson, NotText, decode, parse_json
from app.errors import ConfigurationError, SourceError, SourceUnavailable
from app.settings import BrokerSecurity, SourceSettings
from app.sources.base import Content, Item, Options, parse_options, required_url

_FIELD = re.compile(r"\{(\w+)\}")
_CONTENT_TYPES = {"markdown": "text/markdown", "text": "text/plain"}
#: For how long a look at what has come takes, where nothing more is to come (ms), and how many messages are taken.
_ROUND_MS, _AT_ONCE = 100, 500


class KafkaOptions(Options):
    """How a message becomes a document: its value is the text, or a JSON object from which `template` makes one.

    `protocol`, `mechanism` and `username` are how to log in, with `password` among the credentials.
    """

    template: str | None = None
    format: Literal["markdown", "text"] = "markdown"
    protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    username: str | None = None
    password: SecretStr | None = None
    ca_file: str | None = None
    max_bytes: int = Field(default=20 * 1024 * 1024, ge=1)


class KafkaSource:
    """The messages of a topic, from where the last sync has ended; ids are their keys."""

    incremental: ClassVar[bool] = True

    def __init__(self, servers: str, topic: str, options: KafkaOptions, timeout: float) -> None:
        self._servers = servers
        self._topic = topic
        self._options = options
        self._timeout = timeout

    @classmethod
    def from_settings(cls, name: str, settings: SourceSettings) -> Self:
        """Return the topic of the settings.

        Raises:
            ConfigurationError: the URL or an option is not valid.
        """
        parts = urlsplit(required_url(name, settings, "kafka://kafka-1:9092/articles"))
        topic = parts.path.strip("/")
        if parts.scheme != "kafka" or not (parts.netloc and topic):
            raise ConfigurationError(f"sources.{name}.url: is not of the form kafka://host:port,host:port/topic")
        return cls(parts.netloc, topic, parse_options(name, settings, KafkaOptions), settings.timeout)

    async def items(self, position: JsonValue) -> AsyncIterator[Item]:
        """Yield the messages up to the topic's end as it is now; the position is the next offset of each partition."""
        reached: dict[str, int] = dict(position) if isinstance(position, dict) else {}  # type: ignore[arg-type]  # ours
        consumer = self._consumer()
        try:
            await consumer.start()
            async for record in self._records(consumer, reached):
                reached[str(record.partition)] = record.offset + 1
                if record.key is not None:  # without a key, nothing says what it replaces
                    yield self._item(record, dict(reached))
        except (KafkaError, OSError) as error:
            raise SourceUnavailable(f"{self._topic} cannot be read: {type(error).__name__}") from None
        finally:
            await consumer.stop()

    async def read(self, item: Item) -> Content:
        """Refuse: each message comes with its content.

        Raises:
            SourceError: it is no text, no JSON object, or lacks what the template needs; of any other, there is none.
        """
        if not isinstance(item.handle, bytes):
            raise SourceError(f"there is no message {item.id}")
        return Content(self._written(item.handle), _CONTENT_TYPES[self._options.format])

    def ids(self) -> None:
        """Return nothing: a topic does not tell what there is. A message without a value says what is gone."""

    async def close(self) -> None:
        """Hold nothing between syncs."""

    def _consumer(self) -> AIOKafkaConsumer:
        options = self._options
        security = BrokerSecurity.model_validate(
            {key: getattr(options, key) for key in ("protocol", "mechanism", "username", "password", "ca_file")}
        )
        return AIOKafkaConsumer(
            bootstrap_servers=self._servers.split(","),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            request_timeout_ms=int(self._timeout * 1000),
            fetch_max_wait_ms=_ROUND_MS,
            **_login(security),
        )

    async def _records(self, consumer: AIOKafkaConsumer, reached: Mapping[str, int]) -> AsyncIterator[Any]:
        partitions = [TopicPartition(self._topic, one) for one in consumer.partitions_for_topic(self._topic) or ()]
        if not partitions:
            await consumer._client.add_topic(self._topic)  # noqa: SLF001  # it learns of a topic only when it subscribes
            partitions = [TopicPartition(self._topic, one) for one in consumer.partitions_for_topic(self._topic) or ()]
        if not partitions:
            raise SourceUnavailable(f"there is no topic {self._topic}")
        consumer.assign(partitions)
        begins, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
        for one in partitions:
            consumer.seek(one, max(begins[one], reached.get(str(one.partition), 0)))
        left = set(partitions)
        while left:
            found = await consumer.getmany(*left, timeout_ms=_ROUND_MS, max_records=_AT_ONCE)
            for place in sorted(found):
                for record in found[place]:
                    yield record
            # Some brokers tell the true end only with what they are asked for.
            left = {
                one
                for one in left
                if consumer.highwater(one) is None
                or await consumer.position(one) < max(ends[one], consumer.highwater(one))
            }

    def _item(self, record: Any, position: dict[str, JsonValue]) -> Item:
        return Item(
            id=record.key.decode(errors="replace"),
            position=position,
            version=f"{record.partition}-{record.offset}",
            deleted=record.value is None,
            address=f"{self._topic}/{record.partition}/{record.offset}",
            handle=record.value,
        )

    def _written(self, value: bytes) -> bytes:
        if len(value) > self._options.max_bytes:
            raise SourceError(f"it is larger than {self._options.max_bytes} bytes: raise options.max_bytes")
        template = self._options.template
        if template is None:
            return value
        try:
            fields = parse_json(decode(value)).value
        except (NotText, NotJson) as problem:
            raise SourceError(f"it is not JSON: {problem}") from None
        if not isinstance(fields, dict):
            raise SourceError("it is not a JSON object")
        if missing := [name for name in _FIELD.findall(template) if name not in fields]:
            raise SourceError(f"it has no field {missing[0]}")
        return _FIELD.sub(lambda found: _text(fields[found[1]]), template).encode(errors="replace")


def _text(value: JsonValue) -> str:
    return "" if value is None else str(value)


def _login(security: BrokerSecurity) -> dict[str, Any]:
    options: dict[str, Any] = {"security_protocol": security.protocol}
    if security.protocol.endswith("SSL"):
        from aiokafka.helpers import create_ssl_context  # noqa: PLC0415  # only where it is needed

        options["ssl_context"] = create_ssl_context(cafile=security.ca_file)
    if security.protocol.startswith("SASL"):
        options["sasl_mechanism"] = security.mechanism
        options["sasl_plain_username"] = security.username
        options["sasl_plain_password"] = security.password.get_secret_value() if security.password else None
    return options
