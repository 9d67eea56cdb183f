"""Import an export: what it would send, and sending it."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import takewhile
from pathlib import Path
from typing import Any

from aiokafka.errors import KafkaError
from pydantic import BaseModel

from app.client.client import Client
from app.errors import BrokerError, ConfigurationError
from app.exports.json_lines import read_line
from app.exports.record import ExportedRecord
from app.runs.history_reader import runs_topic
from app.suggestions import did_you_mean

#: How many messages may be on their way to the broker.
_WINDOW = 500


class ImportPlan(BaseModel):
    """What an import sends to one topic; times are those of the messages, in milliseconds."""

    topic: str
    messages: int = 0
    bytes: int = 0
    partitions: int = 0
    first: int | None = None
    last: int | None = None

    def add(self, record: ExportedRecord) -> None:
        """Count a message."""
        self.messages += 1
        if record.key is None and record.value is None:
            raise ConfigurationError(
                f"{record.topic}/{record.partition}/{record.offset} has neither a key nor a value, and cannot be sent: "
                "leave out its line"
            )
        self.bytes += len(record.key or b"") + len(record.value or b"")
        self.partitions = max(self.partitions, record.partition + 1)
        if record.timestamp is not None:
            self.first = record.timestamp if self.first is None else min(self.first, record.timestamp)
            self.last = record.timestamp if self.last is None else max(self.last, record.timestamp)


def read(path: Path) -> Iterator[ExportedRecord]:
    """Yield the messages in a file of lines, compressed if it ends with `.gz`, or in a folder of Parquet.

    Raises:
        ConfigurationError: it cannot be read, or a line is wrong.
    """
    if path.is_dir():
        from app.exports.parquet import read_parts  # noqa: PLC0415  # an extra

        yield from read_parts(path)
        return
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield _parsed(line, f"{path}, line {number}")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ConfigurationError(f"{path} is not whole: {error}") from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None


def _parsed(line: bytes, where: str) -> ExportedRecord:
    try:
        return read_line(line)
    except ConfigurationError as error:
        raise ConfigurationError(f"{where}: {error}") from None


def plan(records: Iterable[ExportedRecord], topic: str | None) -> dict[str, ImportPlan]:
    """Return what an import would send, by topic; `topic` is that for all messages, None for their own."""
    found: dict[str, ImportPlan] = {}
    for record in records:
        name = topic or record.topic
        found.setdefault(name, ImportPlan(topic=name)).add(record)
    return found


async def check(client: Client, plans: Mapping[str, ImportPlan], *, by_key: bool) -> None:
    """Check that all of it can be sent.

    Raises:
        ConfigurationError: a topic does not exist, has too few partitions, or is not for others to write.
        BrokerError: the broker fails.
    """
    known = await client.partitions()
    for name, planned in plans.items():
        if name not in known:
            raise ConfigurationError(f"there is no topic {name} to import into; {did_you_mean(name, sorted(known))}")
        if name == client.full_name(runs_topic(client.settings)):
            raise ConfigurationError(f"{name} is the state of running workers: only they may write it")
        if planned.partitions > known[name] and not by_key:
            raise ConfigurationError(
                f"the messages of {name} are in {planned.partitions} partitions, and it has {known[name]}: "
                "use --by-key to have their keys decide"
            )


async def send(
    client: Client,
    records: Iterable[ExportedRecord],
    topic: str | None,
    *,
    by_key: bool = False,
    sent: Callable[[], None] = lambda: None,
) -> int:
    """Send messages in their order with their keys, headers and times, and return how many.

    Each goes to the partition in which it was, or, with `by_key`, where its key belongs.

    Raises:
        BrokerError: the broker fails; the message says how many were sent before.
    """
    window: deque[asyncio.Future[Any]] = deque()
    done = 0

    async def first_is_sent() -> None:
        nonlocal done
        await window[0]
        window.popleft()
        done += 1
        sent()

    try:
        for record in records:
            if len(window) == _WINDOW:
                await first_is_sent()
            name, partition = topic or record.topic, None if by_key else record.partition
            window.append(await client.put(name, record.key, record.value, record.headers, partition, record.timestamp))
        while window:
            await first_is_sent()
    except KafkaError as error:
        ends = await asyncio.gather(*window, return_exceptions=True)
        done += sum(1 for _ in takewhile(lambda end: not isinstance(end, BaseException), ends))
        raise BrokerError(f"{error}; {done} messages were sent: go on with --skip {done}") from error
    return done
