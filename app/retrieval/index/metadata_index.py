"""The metadata of the documents of a segment, by field: which documents a filter wants."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import reduce
from operator import ge, gt, lt

import numpy as np
import numpy.typing as npt

from app.retrieval.filtering import Kinded, bounds, kinded, ordered, values_of, wanted_values
from topics.metadata_filters import MetadataFilter, MetadataValue

Mask = npt.NDArray[np.bool_]
_Positions = npt.NDArray[np.int64]


class MetadataIndex:
    """An inverted index: documents by value, and, of numbers and dates, in their order. Any thread may read it."""

    def __init__(self, documents: Sequence[Mapping[str, MetadataValue]]) -> None:
        self._size = len(documents)
        entries: defaultdict[str, list[tuple[Kinded, int]]] = defaultdict(list)
        for position, metadata in enumerate(documents):
            for name, value in metadata.items():
                entries[name] += ((kinded(one), position) for one in values_of(value))
        self._fields = {name: _Field(own) for name, own in entries.items()}

    def wanted(self, by: MetadataFilter) -> Mask:
        """Return which documents a filter wants, of shape (documents,)."""
        if by.all is not None:
            return reduce(np.logical_and, map(self.wanted, by.all))
        if by.any is not None:
            return reduce(np.logical_or, map(self.wanted, by.any))
        if by.not_ is not None:
            return ~self.wanted(by.not_)
        mask = np.zeros(self._size, dtype=np.bool_)
        if (field := self._fields.get(str(by.field))) is not None:
            for positions in field.meeting(by):
                mask[positions] = True
        return mask


class _Field:
    """The values of one field, each with the position of its document."""

    def __init__(self, entries: Sequence[tuple[Kinded, int]]) -> None:
        by_value: defaultdict[Kinded, list[int]] = defaultdict(list)
        in_order: defaultdict[str, list[tuple[float, int]]] = defaultdict(list)
        for value, position in entries:
            by_value[value].append(position)
        for value, positions in by_value.items():
            if (place := ordered(value[1])) is not None:
                in_order[place[0]] += ((place[1], position) for position in positions)
        self._by_value = {value: np.array(positions) for value, positions in by_value.items()}
        # Lists of Python's numbers: in an array of floats, large integers would not be themselves.
        self._in_order: dict[str, tuple[list[float], _Positions]] = {}
        for kind, pairs in in_order.items():
            pairs.sort()
            self._in_order[kind] = [value for value, _ in pairs], np.array([position for _, position in pairs])

    def meeting(self, condition: MetadataFilter) -> list[_Positions]:
        """Return the positions of the documents that meet a condition."""
        if (wanted := wanted_values(condition)) is not None:
            return [self._by_value[value] for value in wanted & self._by_value.keys()]
        found: list[_Positions] = []
        for kind, (values, positions) in self._in_order.items():
            begin, end = 0, len(values)
            for compare, of, bound in bounds(condition):
                if of != kind:
                    end = 0
                elif compare in {gt, ge}:
                    begin = max(begin, (bisect_right if compare is gt else bisect_left)(values, bound))
                else:
                    end = min(end, (bisect_left if compare is lt else bisect_right)(values, bound))
            found.append(positions[begin : max(begin, end)])
        return found
