"""Which of the questions that were answered is nearest in meaning to a new one."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Near:
    """A question by its meaning: only others of the same `group` can be near; `vector` has the length 1.

    `similar` is the least cosine between two questions that may have the same answer.
    """

    group: bytes
    vector: Vector
    similar: float


@dataclass(slots=True)
class _Group:
    vectors: dict[bytes, Vector] = field(default_factory=dict)
    matrix: Vector | None = None


class Nearest:
    """Remembers the keys of up to `at_most` questions, those remembered last."""

    def __init__(self, at_most: int = 10_000) -> None:
        self._at_most = at_most
        self._groups: dict[bytes, _Group] = {}
        self._order: OrderedDict[tuple[bytes, bytes], None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._order)

    def find(self, near: Near) -> bytes | None:
        """Return the key of the nearest question that is near enough."""
        group = self._groups.get(near.group)
        if group is None:
            return None
        if group.matrix is None:
            group.matrix = np.stack(tuple(group.vectors.values()))
        cosines = group.matrix @ near.vector
        best = int(np.argmax(cosines))
        return tuple(group.vectors)[best] if cosines[best] >= near.similar else None

    def add(self, near: Near, key: bytes) -> None:
        """Remember a question whose answer is kept under `key`."""
        self.drop(near.group, key)
        group = self._groups.setdefault(near.group, _Group())
        group.vectors[key], group.matrix = near.vector, None
        self._order[near.group, key] = None
        if len(self._order) > self._at_most:
            self.drop(*next(iter(self._order)))

    def drop(self, group: bytes, key: bytes) -> None:
        """Forget a question."""
        if (group, key) not in self._order:
            return
        del self._order[group, key]
        left = self._groups[group]
        del left.vectors[key]
        left.matrix = None
        if not left.vectors:
            del self._groups[group]
