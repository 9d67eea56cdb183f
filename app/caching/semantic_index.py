"""A semantic index: the answered question nearest in meaning to a new one."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SemanticKey:
    """A question by its meaning: only those of the same `group` are compared; `vector` has the length 1.

    `similar` is the lowest cosine at which two questions may share an answer.
    """

    group: bytes
    vector: Vector
    similar: float


class _VectorGroup:
    """Vectors by key, as the first rows of a matrix that grows by doubling."""

    def __init__(self, size: int) -> None:
        self.keys: list[bytes] = []
        self._rows: dict[bytes, int] = {}
        self._matrix = np.empty((4, size), dtype=np.float32)

    def add(self, key: bytes, vector: Vector) -> None:
        row = len(self.keys)
        if row == len(self._matrix):
            self._matrix = np.concatenate([self._matrix, np.empty_like(self._matrix)])
        self._matrix[row] = vector
        self._rows[key] = row
        self.keys.append(key)

    def drop(self, key: bytes) -> None:
        """Remove a vector; the last one takes its place."""
        row, last = self._rows.pop(key), self.keys.pop()
        if last != key:
            self.keys[row], self._rows[last] = last, row
            self._matrix[row] = self._matrix[len(self.keys)]

    def nearest(self, vector: Vector) -> tuple[bytes, float]:
        cosines = self._matrix[: len(self.keys)] @ vector
        best = int(np.argmax(cosines))
        return self.keys[best], float(cosines[best])


class SemanticIndex:
    """Stores the keys of the last `at_most` questions."""

    def __init__(self, at_most: int = 10_000) -> None:
        self._at_most = at_most
        self._groups: dict[bytes, _VectorGroup] = {}
        self._order: OrderedDict[tuple[bytes, bytes], None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._order)

    def find(self, near: SemanticKey) -> bytes | None:
        """Return the key of the nearest question that is similar enough."""
        group = self._groups.get(near.group)
        if group is None:
            return None
        key, cosine = group.nearest(near.vector)
        return key if cosine >= near.similar else None

    def add(self, near: SemanticKey, key: bytes) -> None:
        """Add a question whose answer is cached under `key`."""
        self.drop(near.group, key)
        self._groups.setdefault(near.group, _VectorGroup(len(near.vector))).add(key, near.vector)
        self._order[near.group, key] = None
        if len(self._order) > self._at_most:
            self.drop(*next(iter(self._order)))

    def drop(self, group: bytes, key: bytes) -> None:
        """Remove a question."""
        if (group, key) not in self._order:
            return
        del self._order[group, key]
        left = self._groups[group]
        left.drop(key)
        if not left.keys:
            del self._groups[group]
