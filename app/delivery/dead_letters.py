"""Putting a message into the dead letters: as it came, or as much of it as the broker takes."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from app.delivery.assignment.assignment import PartitionAssignment
from app.delivery.outbox import Outbox, Record
from app.errors import InvalidEvent
from topics.dead_letters import DEAD_LETTERS, DeadLetter

log = logging.getLogger(__name__)

#: What is kept of a sentence, in characters, where everything else was too much.
_SENTENCE = 200
#: A character takes at most so many bytes in UTF-8; those after its first are 10xxxxxx.
_CHARACTER, _FOLLOWS, _MASK = 4, 0b10000000, 0b11000000


async def write_dead_letter(
    outbox: Outbox, message: Any, letter: DeadLetter, assignment: PartitionAssignment | None = None
) -> None:
    """Return when the broker has the dead letter of `message`; the original stays at its place in any case.

    Raises:
        AssignmentEnded: the assignment under which the message was processed has ended.
        InvalidEvent: the broker does not even take the place and the reason, for which 1 KiB is enough.
    """
    topic = outbox.full_name(DEAD_LETTERS)
    refused: InvalidEvent | None = None
    for record in _shrinking_records(topic, message, letter):
        try:
            await outbox.write([record], assignment)
        except InvalidEvent as error:
            refused = error
        else:
            if refused:
                log.warning("dead letter %s is cut to %d bytes: %s", letter.id, len(record.value or b""), refused)
            return
    raise refused or InvalidEvent("too_large", letter.id)


def _shrinking_records(topic: str, message: Any, letter: DeadLetter) -> Iterator[Record]:
    """Yield the whole, then three quarters of the value, and so on, and at last nothing but place and reason.

    What the broker takes is known to nobody but the broker, and key and headers take their part of it.
    """
    original = [*(message.headers or ())]
    # Kafka's clients refuse a record with neither key nor value.
    key = b"" if message.key is None and message.value is None else message.key
    yield Record(topic, key, message.value, [*original, *letter.headers()], message.partition)
    full = None if message.value is None else len(message.value)
    size = full or 0
    cut = letter.model_copy(update={"cut_from": full})
    while size:
        size = size * 3 // 4
        value = _beginning(message.value, size)
        yield Record(topic, message.key, value, [*original, *cut.headers()], message.partition)
    bare = cut.model_copy(update={"bare": True, "error": letter.error[:_SENTENCE]})
    yield Record(topic, None, b"", bare.headers(), message.partition)


def _beginning(value: bytes, size: int) -> bytes:
    """Return at most `size` bytes, without half a character at their end if they are text."""
    for end in range(size, max(size - _CHARACTER, 0), -1):
        if value[end] & _MASK != _FOLLOWS:
            return value[:end]
    return value[:size]
