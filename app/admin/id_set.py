"""A compact set of ids: sixteen to forty bytes for each, however long it is."""

from __future__ import annotations

from array import array
from hashlib import blake2b


class IdSet:
    """Remembers ids by 64 bits of their hash, in a table with open addressing (Knuth, volume 3, 6.4, algorithm L).

    Among a hundred million ids, the probability of a collision is three in ten thousand.
    """

    def __init__(self) -> None:
        self._table = array("Q", bytes(8 * 1024))
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, name: str) -> bool:
        """Return whether this id is new."""
        if self._size * 2 >= len(self._table):
            self._grow()
        # 0 marks an empty slot.
        return self._put(int.from_bytes(blake2b(name.encode(), digest_size=8).digest()) or 1)

    def _put(self, digest: int) -> bool:
        table, mask = self._table, len(self._table) - 1
        place = digest & mask
        while known := table[place]:
            if known == digest:
                return False
            place = (place + 1) & mask
        table[place] = digest
        self._size += 1
        return True

    def _grow(self) -> None:
        old, self._size = self._table, 0
        self._table = array("Q", bytes(16 * len(old)))
        for digest in old:
            if digest:
                self._put(digest)
