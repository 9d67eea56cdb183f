"""Export a selection of messages, in steps from which it can go on."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiokafka import TopicPartition
from pydantic import BaseModel, ValidationError

from app.client import topic_ranges
from app.client.client import Client, OffsetRange
from app.errors import ConfigurationError
from app.exports.record import ExportedRecord
from app.exports.selection import Condition, Selection
from app.exports.sinks import Sink

#: Seconds between two steps.
_STEP = 5.0


class Span(BaseModel):
    """What is still to be read of a partition: from `begin` on, before `end`."""

    topic: str
    partition: int
    begin: int
    end: int


class ExportState(BaseModel):
    """How far an export is, as a file beside it says; `position` is that of its sink, and times are epoch seconds."""

    left: list[Span]
    since: float | None = None
    until: float | None = None
    where: str | None = None
    read: int = 0
    written: int = 0
    position: int = 0

    @property
    def topics(self) -> list[str]:
        """The full names of the topics."""
        return list(dict.fromkeys(span.topic for span in self.left))

    @property
    def total(self) -> int:
        """How many messages there are to read, counted by offsets."""
        return self.read + sum(span.end - span.begin for span in self.left)


def begin(selection: Selection, ranges: Mapping[TopicPartition, OffsetRange], where: str | None) -> ExportState:
    """Return the state of an export that has not begun."""
    spans = [Span(topic=place.topic, partition=place.partition, begin=a, end=b) for place, (a, b) in ranges.items()]
    return ExportState(left=spans, since=selection.since, until=selection.until, where=where)


def state_path(out: Path) -> Path:
    """Return the file that says how far an export is, as long as it has not ended."""
    return out.with_name(f"{out.name}.progress")


def load_state(out: Path) -> ExportState:
    """Return how far the export into `out` is.

    Raises:
        ConfigurationError: none was interrupted, or its state cannot be read.
    """
    path = state_path(out)
    try:
        return ExportState.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise ConfigurationError(f"no export into {out} was interrupted: there is no {path.name}") from None
    except (OSError, ValidationError) as error:
        raise ConfigurationError(f"{path} cannot be read: {type(error).__name__}; begin anew with --force") from None


def save_state(out: Path, state: ExportState) -> None:
    """Write how far the export into `out` is, whole or not at all."""
    path = state_path(out)
    new = path.with_name(f"{path.name}.new")
    new.write_text(state.model_dump_json(), encoding="utf-8")
    new.replace(path)


@dataclass(slots=True)
class Exporter:
    """Reads what a state says is left, and writes what is meant to a sink; `save` is given each new state."""

    client: Client
    sink: Sink
    save: Callable[[ExportState], None] = lambda _state: None
    advanced: Callable[[int], None] = lambda _count: None
    condition: Condition | None = field(default=None, init=False)

    async def run(self, state: ExportState) -> ExportState:
        """Return the state after all is read.

        Raises:
            BrokerError: the broker fails.
            ConfigurationError: the condition is wrong.
        """
        self.condition = Condition.parse(state.where) if state.where else None
        selection = Selection(state.topics, since=state.since, until=state.until)
        places = {TopicPartition(span.topic, span.partition): span for span in state.left}
        ranges = {place: OffsetRange(span.begin, span.end) for place, span in places.items()}
        next_step = time.monotonic() + _STEP
        async with aclosing(topic_ranges.iterate_batches(self.client, ranges)) as batches:
            async for place, records in batches:
                self._write(state, places[place], records, selection)
                if time.monotonic() >= next_step:
                    self._step(state)
                    next_step = time.monotonic() + _STEP
        for span in state.left:
            self._count(state, span, span.end)  # its last offsets may be no messages
        self._step(state)
        return state

    def _write(self, state: ExportState, span: Span, records: Sequence[Any], selection: Selection) -> None:
        timed = selection.since is not None or selection.until is not None
        meant = [one for one in records if selection.is_in_time(one.timestamp)] if timed else records
        if condition := self.condition:
            meant = [one for one in meant if condition.holds(one)]
        for record in meant:
            self.sink.write(ExportedRecord.of(record))
        state.written += len(meant)
        if records:
            self._count(state, span, records[-1].offset + 1)

    def _count(self, state: ExportState, span: Span, at: int) -> None:
        state.read += at - span.begin
        self.advanced(at - span.begin)
        span.begin = at

    def _step(self, state: ExportState) -> None:
        state.position = self.sink.flush()
        self.save(state)


async def deleted_since(client: Client, state: ExportState) -> int:
    """Return how many messages of those that are left the topics do not have any more, and pass over them.

    Raises:
        BrokerError: the broker fails.
    """
    places = {TopicPartition(span.topic, span.partition): span for span in state.left}
    now = await client.offset_ranges(list(places))
    gone = 0
    for place, span in places.items():
        first = min(now[place].begin, span.end)
        gone += max(0, first - span.begin)
        span.begin = max(first, span.begin)
    return gone
