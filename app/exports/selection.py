"""Which messages of which topics are meant, and where they lie."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiokafka import TopicPartition
from pydantic_core import from_json

from app.client.client import Client, OffsetRange
from app.errors import ConfigurationError, ExpressionError
from app.expressions.expression import Expression
from app.suggestions import did_you_mean

#: What a condition can name.
NAMES = ("topic", "partition", "offset", "key", "headers", "value")


@dataclass(frozen=True, slots=True)
class Selection:
    """The messages of these topics (full names) of which all that is given here is true.

    `since` and `until` are epoch seconds and mean the time of a message; of `offsets`, the last is not included.
    """

    topics: Sequence[str]
    partitions: Collection[int] = ()
    offsets: OffsetRange | None = None
    since: float | None = None
    until: float | None = None

    def is_in_time(self, timestamp: float | None) -> bool:
        """Whether a message of this time (milliseconds) is meant; one without a time is within none."""
        if timestamp is None:
            return self.since is None and self.until is None
        return (self.since is None or timestamp >= self.since * 1000) and (
            self.until is None or timestamp <= self.until * 1000
        )


async def find_ranges(client: Client, selection: Selection) -> dict[TopicPartition, OffsetRange]:
    """Return the offsets of each partition that may have what is meant; later messages are not in them.

    Raises:
        ConfigurationError: there is no such topic or partition.
        BrokerError: the broker fails.
    """
    known = await client.partitions()
    for name in selection.topics:
        if name not in known:
            raise ConfigurationError(f"there is no topic {name}; {did_you_mean(name, sorted(known))}")
    most = max(known[name] for name in selection.topics)
    if wrong := [number for number in selection.partitions if number >= most]:
        raise ConfigurationError(f"there is no partition {wrong[0]}: they are 0 to {most - 1}")
    places = [
        TopicPartition(name, number)
        for name in selection.topics
        for number in range(known[name])
        if not selection.partitions or number in selection.partitions
    ]
    whole = await client.offset_ranges(places)
    begins = await _begins(client, whole, selection.since)
    return {place: _within(whole[place], begins[place], selection.offsets) for place in places}


async def _begins(
    client: Client, whole: Mapping[TopicPartition, OffsetRange], since: float | None
) -> dict[TopicPartition, int]:
    """Return the first offset from `since` on; the embedded broker may return one before it."""
    if since is None or not whole:
        return {place: span.begin for place, span in whole.items()}
    async with client.consumer() as consumer:
        consumer.assign(list(whole))
        found = await consumer.offsets_for_times(dict.fromkeys(whole, int(since * 1000)))
    return {place: hit.offset if (hit := found.get(place)) else span.end for place, span in whole.items()}


def _within(span: OffsetRange, begin: int, offsets: OffsetRange | None) -> OffsetRange:
    begin, end = max(span.begin, begin), span.end
    if offsets:
        begin, end = max(begin, offsets.begin), min(end, offsets.end)
    return OffsetRange(begin, max(begin, end))


@dataclass(slots=True)
class Condition:
    """A condition in CEL; a message for which it cannot be computed does not meet it, and is counted."""

    expression: Expression
    failed: int = 0
    first_failure: str = field(default="")

    @classmethod
    def parse(cls, source: str) -> Condition:
        """Return the condition that `source` says.

        Raises:
            ConfigurationError: it is malformed, or names what messages do not have.
        """
        expression = Expression(source, where="--where")
        for name in sorted(expression.roots.difference(NAMES)):
            raise ConfigurationError(f"--where: unknown name {name}; {did_you_mean(name, NAMES)}")
        return cls(expression)

    def holds(self, record: Any) -> bool:
        """Whether a record of a consumer meets it."""
        try:
            found = self.expression.evaluate(_context(record))
        except ExpressionError as error:
            return self._fail(str(error), record)
        if isinstance(found, bool):
            return found
        return self._fail(f"--where: must be true or false, and is {found!r:.80}", record)

    def _fail(self, problem: str, record: Any) -> bool:
        if not self.failed:
            self.first_failure = f"{problem} (at {record.topic}/{record.partition}/{record.offset})"
        self.failed += 1
        return False


def _context(record: Any) -> dict[str, Any]:
    try:
        value = from_json(record.value, allow_inf_nan=False) if record.value is not None else None
    except ValueError:
        value = record.value.decode(errors="replace")
    return {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "key": None if record.key is None else record.key.decode(errors="replace"),
        "headers": {name: (text or b"").decode(errors="replace") for name, text in record.headers},
        "value": value,
    }
