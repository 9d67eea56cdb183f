"""A segment: the index over one namespace, and who may find which of its documents."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from app.retrieval.base import SearchScope, Vectors, searchable
from app.retrieval.index.chunk_table import DocumentEntry
from app.retrieval.index.lexical import LexicalIndex
from app.retrieval.index.metadata_index import Mask, MetadataIndex


class Segment:
    """An immutable index over `entries`, with at least one row; any thread may read it.

    `matrix` has a row of length 1 for each of `chunks`.
    """

    def __init__(self, entries: Sequence[DocumentEntry]) -> None:
        rows = [list(entry.rows()) for entry in entries]
        self._documents = np.repeat(np.arange(len(entries)), [len(own) for own in rows])
        self._roles = RoleIndex([entry.head.allowed_roles for entry in entries])
        self._metadata = MetadataIndex([entry.head.metadata for entry in entries])
        self.chunks = [row.chunk for own in rows for row in own]
        matrix = np.stack([row.vector for own in rows for row in own])
        lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
        self.matrix: Vectors = np.divide(matrix, np.where(lengths == 0, 1, lengths), dtype=np.float32)
        self.lexical = LexicalIndex([searchable(chunk) for chunk in self.chunks])

    def admitted(self, scope: SearchScope) -> Mask:
        """Return which of the chunks a task may find that may see this namespace, of shape (chunks,)."""
        mask = self._roles.admitted(scope.roles)
        if scope.filter is not None:
            mask &= self._metadata.wanted(scope.filter)
        return mask[self._documents]


class RoleIndex:
    """The documents by the roles that may find them; None: everybody."""

    def __init__(self, allowed: Sequence[Sequence[str] | None]) -> None:
        self._everybody = np.array([roles is None for roles in allowed], dtype=np.bool_)
        found: defaultdict[str, list[int]] = defaultdict(list)
        for position, roles in enumerate(allowed):
            for role in roles or ():
                found[role].append(position)
        self._by_role = {role: np.array(positions) for role, positions in found.items()}

    def admitted(self, roles: Iterable[str]) -> Mask:
        """Return which documents someone with these roles may find, of shape (documents,)."""
        mask = self._everybody.copy()
        for role in self._by_role.keys() & set(roles):
            mask[self._by_role[role]] = True
        return mask
