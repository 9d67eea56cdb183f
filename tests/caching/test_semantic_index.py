from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.caching.semantic_index import SemanticIndex, SemanticKey


def near(angle: float, *, group: bytes = b"g", similar: float = 0.0) -> SemanticKey:
    return SemanticKey(group, np.array([np.cos(angle), np.sin(angle)], dtype=np.float32), similar)


def test_that_the_nearest_that_is_near_enough_is_found() -> None:
    nearest = SemanticIndex()
    for key, angle in ((b"a", 0.0), (b"b", 0.5), (b"c", 1.0)):
        nearest.add(near(angle), key)
    assert nearest.find(near(0.6)) == b"b"
    assert nearest.find(near(0.6, similar=0.999)) is None
    assert nearest.find(near(0.6, group=b"h")) is None


def test_that_what_is_forgotten_is_not_found_and_only_the_last_are_remembered() -> None:
    nearest = SemanticIndex(at_most=2)
    for key, angle in ((b"a", 0.0), (b"b", 0.5), (b"c", 1.0)):
        nearest.add(near(angle), key)
    assert (len(nearest), nearest.find(near(0.0))) == (2, b"b")
    nearest.drop(b"g", b"b")
    nearest.drop(b"g", b"b")
    assert nearest.find(near(0.0)) == b"c"
    nearest.drop(b"g", b"c")
    assert nearest.find(near(0.0)) is None


@given(
    st.lists(st.tuples(st.sampled_from([b"g", b"h"]), st.integers(0, 5), st.floats(0, 3)), max_size=30),
    st.floats(0, 3),
    st.floats(-1, 1),
)
def test_that_it_finds_what_a_search_through_all_would(
    added: list[tuple[bytes, int, float]], asked: float, similar: float
) -> None:
    nearest, angles = SemanticIndex(), {}
    for group, number, angle in added:
        nearest.add(near(angle, group=group), bytes([number]))
        angles[group, bytes([number])] = angle
    found = nearest.find(near(asked, similar=similar))
    cosines = {key: float(np.cos(angle - asked)) for (group, key), angle in angles.items() if group == b"g"}
    if found is None:
        assert all(cosine < similar + 1e-5 for cosine in cosines.values())
    else:
        assert cosines[found] >= max(similar, *cosines.values()) - 1e-5
