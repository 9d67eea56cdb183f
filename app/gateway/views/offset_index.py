"""Where the events of a topic are, by task id: an index that is rebuilt from the topic itself."""

from __future__ import annotations

from collections import deque
from hashlib import blake2b

#: So many generations cover the retention; a whole generation is dropped at once.
_GENERATIONS = 24
_DIGEST_BYTES = 12


class OffsetIndex:
    """Maps task ids to offsets, each in the home partition of its id, for `retention` seconds.

    Ids are kept as digests: an entry takes about 110 bytes, however long its id is.
    """

    def __init__(self, retention: float) -> None:
        self._span = retention / _GENERATIONS
        self._generations: deque[tuple[float, dict[bytes, int]]] = deque()

    def __len__(self) -> int:
        return sum(len(entries) for _, entries in self._generations)

    def put(self, task_id: str, offset: int, at: float) -> None:
        """Add an entry of the time `at`, in epoch seconds; what has expired by then is dropped."""
        if not self._generations or at >= self._generations[-1][0] + self._span:
            self._generations.append((at, {}))
            while self._generations[0][0] < at - self._span * (_GENERATIONS + 1):
                self._generations.popleft()
        self._generations[-1][1][_digest(task_id)] = offset

    def get(self, task_id: str) -> int | None:
        """Return the offset of the newest entry of a task."""
        digest = _digest(task_id)
        return next((entries[digest] for _, entries in reversed(self._generations) if digest in entries), None)


def _digest(task_id: str) -> bytes:
    return blake2b(task_id.encode(errors="replace"), digest_size=_DIGEST_BYTES).digest()
