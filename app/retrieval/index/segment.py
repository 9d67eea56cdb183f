"""A segment: the index over one namespace, and who may find which of its documents."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from copy import copy
from itertools import compress
from typing import Self

import numpy as np

from app.retrieval.base import Vectors, searchable
from app.retrieval.index.chunk_table import DocumentEntry
from app.retrieval.index.lexical import LexicalIndex
from app.retrieval.index.metadata_index import Mask, MetadataIndex
from topics.chunks import DocumentChunks
from topics.metadata_filters import MetadataFilter


class Segment:
    """An immutable index over documents with at least one row; any thread may read it.

    `matrix` has a row of length 1 for each of `chunks`. Documents can be taken out (`without`), in which case their
    rows stay until segments are `merged`; `size` is the number of chunks that are left.
    """

    def __init__(self, entries: Sequence[DocumentEntry]) -> None:
        rows = [list(entry.rows()) for entry in entries]
        matrix = np.stack([row.vector for own in rows for row in own])
        lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
        self.matrix: Vectors = np.divide(matrix, np.where(lengths == 0, 1, lengths), dtype=np.float32)
        self.chunks = [row.chunk for own in rows for row in own]
        self.lexical = LexicalIndex([searchable(chunk) for chunk in self.chunks])
        self._fill([entry.head for entry in entries], [len(own) for own in rows])

    @classmethod
    def merged(cls, segments: Sequence[Segment]) -> Self:
        """Return one segment over the documents that are left in `segments`, of which there is at least one."""
        masks = [segment.present() for segment in segments]
        pairs = list(zip(segments, masks, strict=True))
        twin = cls.__new__(cls)
        twin.matrix = np.concatenate([segment.matrix[mask] for segment, mask in pairs])
        twin.chunks = [segment.chunks[row] for segment, mask in pairs for row in np.flatnonzero(mask)]
        twin.lexical = LexicalIndex.merged([segment.lexical for segment in segments], masks)
        heads, counts = zip(*(pair for segment in segments for pair in segment._left()), strict=True)  # noqa: SLF001  # its own class
        twin._fill(heads, counts)  # noqa: SLF001  # likewise
        return twin

    def _fill(self, heads: Sequence[DocumentChunks], counts: Sequence[int]) -> None:
        self._heads, self._counts = heads, counts
        self._places = {head.document_key: place for place, head in enumerate(heads)}
        self._documents = np.repeat(np.arange(len(heads)), counts)
        self._roles = RoleIndex([head.allowed_roles for head in heads])
        self._metadata = MetadataIndex([head.metadata for head in heads])
        self._alive = np.ones(len(heads), dtype=np.bool_)
        self.size = len(self.chunks)

    def without(self, keys: Collection[str]) -> Self:
        """Return the segment without the documents of these keys; itself if it has none of them."""
        gone = [self._places[key] for key in keys if key in self._places]
        if not gone:
            return self
        twin = copy(self)
        twin._alive = self._alive.copy()  # noqa: SLF001  # its own class
        twin._alive[gone] = False  # noqa: SLF001  # likewise
        twin.size = int(np.count_nonzero(twin.present()))
        return twin

    def present(self) -> Mask:
        """Return which of the chunks are left, of shape (chunks,)."""
        return self._alive[self._documents]

    def visible(self, roles: Iterable[str]) -> Mask:
        """Return which of the chunks that are left someone with these roles may find, of shape (chunks,)."""
        return (self._alive & self._roles.admitted(roles))[self._documents]

    def wanted(self, by: MetadataFilter) -> Mask:
        """Return which of the chunks a filter wants, of shape (chunks,)."""
        return self._metadata.wanted(by)[self._documents]

    def order(self, row: int) -> tuple[str, int]:
        """Return what puts chunks into an order that does not depend on when documents arrived."""
        return self._heads[self._documents[row]].document_key, row

    def _left(self) -> Iterator[tuple[DocumentChunks, int]]:
        return compress(zip(self._heads, self._counts, strict=True), self._alive)


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
