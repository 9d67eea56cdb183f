from __future__ import annotations

import sys

from hypothesis import given
from hypothesis import strategies as st

from app.admin.id_set import IdSet


@given(st.lists(st.text(max_size=3)))
def test_an_id_is_new_once(names: list[str]) -> None:
    ids, seen = IdSet(), set[str]()
    for name in names:
        assert ids.add(name) == (name not in seen)
        seen.add(name)
    assert len(ids) == len(seen)


def test_many_ids_take_little_memory_however_long_they_are() -> None:
    ids, tail = IdSet(), "x" * 200
    assert all(ids.add(f"{number}{tail}") for number in range(20_000))
    assert not any(ids.add(f"{number}{tail}") for number in range(0, 20_000, 7))
    assert len(ids) == 20_000
    assert sys.getsizeof(ids._table) <= 40 * len(ids)
