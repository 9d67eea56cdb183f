"""The record of what was answered: kept in memory, and in small checkpoints on the log of the partition's state.

The topic of the answers is the record itself: an answer is recorded in the very moment in which it is sent. But to
read whole answers back, only to learn their ids, takes long. So the owner of a partition writes down every second, on
the compacted topic of the state, which ids it has sent since, and up to which offset of each topic it has written down
all of them. The next owner reads these checkpoints, and of the topics of answers only what lies beyond those offsets.
"""

from __future__ import annotations

import binascii
import json
from base64 import b64decode, b64encode
from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

#: Of an id, so many bytes of its hash are kept: enough that no two ids of any partition are ever mistaken.
_DIGEST = 16
#: So many ids are in one record: fewer than 100 KiB.
_AT_ONCE = 4096
#: No record of a run begins so: a task id has no control characters, and no step a slash.
PREFIX = "answered\t/"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What is to be written down: hashes of ids, and for each topic the offset before which all are written down.

    `forgotten` are the keys of the records that nobody needs any more.
    """

    hashes: list[bytes]
    covered: Mapping[str, int]
    forgotten: list[str] = field(default_factory=list)

    def records(self, at: float) -> Iterator[tuple[str, bytes | None]]:
        """Yield the records, in order: the last one says what is covered, so that all others are there when it is."""
        parts = [self.hashes[start : start + _AT_ONCE] for start in range(0, len(self.hashes), _AT_ONCE)]
        for number, part in enumerate(parts):
            covered = self.covered if number == len(parts) - 1 else {}
            value = {"covered": dict(covered), "hashes": b64encode(b"".join(part)).decode()}
            yield f"{PREFIX}{int(at * 1000)}-{number}", json.dumps(value).encode()
        for key in self.forgotten:
            yield key, None


def _hash(event_id: str) -> bytes:
    return blake2b(event_id.encode(errors="surrogatepass"), digest_size=_DIGEST).digest()


class AnsweredRequests:
    """The ids of the events sent as answers within the last `window` seconds, and which of them are written down."""

    def __init__(self, window: float) -> None:
        self.window = window
        #: For each topic of answers, the offset before which each answer of ours is known here.
        self.covered: dict[str, int] = {}
        self._at: OrderedDict[bytes, float] = OrderedDict()
        self._new: list[bytes] = []
        self._in_doubt: set[str] = set()
        #: The records on the log: their keys, when they were written, and until when they are needed.
        self._written: deque[tuple[str, float, float]] = deque()

    def __contains__(self, event_id: str) -> bool:
        return _hash(event_id) in self._at

    def __len__(self) -> int:
        return len(self._at)

    def add(self, event_id: str, at: float) -> None:
        """Note an answer sent at `at` (epoch seconds), and forget those that are too old to be asked again."""
        self._note(_hash(event_id), at)

    def _note(self, digest: bytes, at: float) -> None:
        self._at[digest] = at
        self._at.move_to_end(digest)
        while self._at and next(iter(self._at.values())) < at - self.window:
            self._at.popitem(last=False)

    def acknowledged(self, event_id: str, topic: str, offset: int, at: float) -> None:
        """Note an answer that the broker has, at its place; of one partition, in the order in which it lies there."""
        digest = _hash(event_id)
        self._note(digest, at)
        self._new.append(digest)
        self._in_doubt.discard(event_id)
        self.covered[topic] = max(self.covered.get(topic, 0), offset + 1)

    def doubt(self, event_id: str) -> None:
        """Note that an answer may be recorded or not, at an offset that nobody knows; it is sent again."""
        self._in_doubt.add(event_id)

    def restore_checkpoint(self, key: str, value: bytes | None, written_at: float, now: float) -> None:
        """Take in a record that was written by `Checkpoint.records`; something else under its key says nothing."""
        if value is None:
            return
        try:
            found = json.loads(value)
            hashes = b64decode(found["hashes"], validate=True)
            covered = {str(topic): int(offset) for topic, offset in found["covered"].items()}
        except (ValueError, TypeError, KeyError, AttributeError, binascii.Error):
            return
        for start in range(0, len(hashes), _DIGEST):
            self._note(hashes[start : start + _DIGEST], now)
        for topic, offset in covered.items():
            self.covered[topic] = max(self.covered.get(topic, 0), offset)
        self._written.append((key, written_at, now + self.window))

    def restore(self, event_id: str, now: float) -> None:
        """Take in an answer that was read from its topic, beyond what is covered: it is still to be written down."""
        digest = _hash(event_id)
        self._note(digest, now)
        self._new.append(digest)

    def checkpoint(self, now: float) -> Checkpoint | None:
        """Take out and return what is to be written down, if anything is; `written` or `put_back` must follow."""
        forgotten = []
        while self._written and self._written[0][2] < now:
            forgotten.append(self._written.popleft()[0])
        if not (self._new or forgotten):
            return None
        taken, self._new = self._new, []
        # Before an answer that is in doubt others may lie that were acknowledged: none of them may cover it.
        return Checkpoint(taken, {} if self._in_doubt else dict(self.covered), forgotten)

    def written(self, checkpoint: Checkpoint, now: float) -> None:
        """Note that a checkpoint is on the log since `now`, the time that its records were made for."""
        for key, value in checkpoint.records(now):
            if value is not None:
                self._written.append((key, now, now + self.window))

    def put_back(self, checkpoint: Checkpoint) -> None:
        """Have what could not be written be written with the next checkpoint."""
        self._new = [*checkpoint.hashes, *self._new]
        self._written.extendleft((key, 0.0, 0.0) for key in reversed(checkpoint.forgotten))

    @property
    def since(self) -> float | None:
        """Since when the oldest record lies on the log that the next owner needs, in epoch seconds."""
        return next((at for _, at, until in self._written if until), None)
