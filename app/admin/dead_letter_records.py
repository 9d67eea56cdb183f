"""Read, show and replay dead letters."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from aiokafka import TopicPartition
from pydantic import ValidationError

from app.client import topic_ranges
from app.client.client import Client
from app.delivery.envelope import Headers
from app.errors import ConfigurationError
from app.suggestions import closest_match
from topics import ALL, AUDIT, DEAD_LETTERS
from topics.audit import AuditEvent
from topics.dead_letters import DeadLetter, original_headers

REPLAYED = "dead_letter.replayed"


@dataclass(frozen=True, slots=True)
class DeadLetterRecord:
    """A dead letter and the original message, byte for byte; `replayed` if it was replayed."""

    place: DeadLetter
    key: bytes | None
    value: bytes | None
    headers: Headers
    replayed: datetime | None = None

    @property
    def id(self) -> str:
        """The topic, partition and offset of the original."""
        return self.place.id


@dataclass(frozen=True, slots=True)
class Selection:
    """Which dead letters are meant: those of which all that is given here is true.

    `topic` is a full name; `since` and `until` are epoch seconds, and mean the time of the original.
    """

    reason: str | None = None
    topic: str | None = None
    keys: Collection[str] = ()
    since: float | None = None
    until: float | None = None

    def matches(self, letter: DeadLetterRecord) -> bool:
        """Whether a dead letter is meant; one whose time is unknown is within no time."""
        at = letter.place.timestamp.timestamp() if letter.place.timestamp else None
        return (
            self.reason in {None, letter.place.reason}
            and self.topic in {None, letter.place.topic}
            and (not self.keys or as_text(letter.key) in self.keys)
            and (self.since is None or (at is not None and at >= self.since))
            and (self.until is None or (at is not None and at <= self.until))
        )


async def read_all(client: Client) -> dict[str, DeadLetterRecord]:
    """Return all dead letters by id, oldest first; other records on the topic are skipped."""
    replayed = await replay_times(client)
    async with client.read(DEAD_LETTERS, from_beginning=True) as reader:
        records = [record async for record in reader.held()]
    found = filter(None, map(parse, sorted(records, key=lambda record: record.timestamp)))
    return {letter.id: replace(letter, replayed=replayed.get(letter.id)) for letter in found}


async def find(client: Client, place: TopicPartition, offset: int) -> DeadLetterRecord | None:
    """Return the dead letter whose original is at this place, if there is one.

    One partition is read for it, as a dead letter lies in that of its original, and the audit from its time on.

    Raises:
        BrokerError: there are no topics, or the broker fails.
    """
    found, since = None, 0.0
    async with aclosing(topic_ranges.iterate_partition(client, DEAD_LETTERS, place.partition)) as records:
        async for record in records:
            letter = parse(record)
            if letter and (letter.place.topic, letter.place.partition, letter.place.offset) == (*place, offset):
                found, since = letter, record.timestamp / 1000
    if found is None:
        return None
    return replace(found, replayed=(await replay_times(client, since)).get(found.id))


def pick(letters: dict[str, DeadLetterRecord], ids: Sequence[str]) -> list[DeadLetterRecord]:
    """Return the letters with these ids.

    Raises:
        ConfigurationError: one of them is unknown.
    """
    for one in ids:
        if one not in letters:
            near = closest_match(one, letters)
            hint = f"did you mean `{near}`? " if near else ""
            raise ConfigurationError(f"unknown dead letter {one}; {hint}see meta-ai dead-letters list")
    return [letters[one] for one in ids]


async def replay(client: Client, letter: DeadLetterRecord, actor: str, value: bytes | None = None) -> None:
    """Replay the original, or the corrected `value`, to its topic, and note in the audit that `actor` has done so.

    Raises:
        ConfigurationError: its topic is not one of ours, or it is truncated and no corrected value is given.
    """
    if value is None and not letter.place.whole:
        raise ConfigurationError(
            f"{letter.id}: only part of it was kept because the broker rejected its size; replay it with --value FILE "
            "with the whole message: its topic has it at this offset until its retention ends"
        )
    topic = letter.place.topic
    if topic not in {client.full_name(one) for one in ALL}:
        raise ConfigurationError(f"{letter.id}: {topic} is not a topic of this orchestrator; check topics.prefix")
    sent = await client.put(
        topic, letter.key, letter.value if value is None else value, original_headers(letter.headers)
    )
    await sent
    event = _audit(letter, actor, corrected=value is not None)
    await (await client.send(AUDIT, letter.id, event, id=event.id))


def as_text(data: bytes | None) -> str | None:
    """Return bytes as UTF-8 text, or else in hexadecimal."""
    if data is None:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return f"hex {data.hex(' ', -4)}"


def as_object(letter: DeadLetterRecord) -> dict[str, Any]:
    """Return everything about a letter for programs; the value is also in base64, since it may not be text."""
    return {
        "id": letter.id,
        **letter.place.model_dump(mode="json", exclude_none=True),
        "replayed": letter.replayed,
        "key": as_text(letter.key),
        "headers": [[name, as_text(value)] for name, value in original_headers(letter.headers)],
        "value": as_text(letter.value),
        "value_base64": None if letter.value is None else b64encode(letter.value).decode(),
    }


def parse(record: Any) -> DeadLetterRecord | None:
    """Return the dead letter in a record; None if it is something else."""
    headers = list(record.headers)
    try:
        return DeadLetterRecord(DeadLetter.from_headers(headers), record.key, record.value, headers)
    except ValidationError:
        return None


async def replay_times(client: Client, since: float | None = None) -> dict[str, datetime]:
    """Return when dead letters were replayed last, by id, as far as the audit says so from `since` on (epoch seconds).

    Raises:
        BrokerError: there is no audit, or the broker fails.
    """
    found: dict[str, datetime] = {}
    async with aclosing(topic_ranges.iterate(client, since, AUDIT)) as records:
        async for record in records:
            if (event := AUDIT.event_in(record)) and event.action == REPLAYED:
                found[event.subject] = max(event.at, found.get(event.subject, event.at))
    return found


def _audit(letter: DeadLetterRecord, actor: str, *, corrected: bool) -> AuditEvent:
    return AuditEvent(
        id=uuid4().hex,
        at=datetime.now(UTC),
        actor=actor,
        action=REPLAYED,
        subject=letter.id,
        details={"topic": letter.place.topic, "reason": letter.place.reason, "mended": corrected},
    )
