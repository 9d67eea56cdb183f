from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from app.routing.text_features import NAMES, features


def test_what_can_be_seen_is_counted() -> None:
    seen = features("Is 12 > 7? Yes.\nWhy?")
    assert seen["words"] == math.log1p(5)
    assert seen["word_length"] == (2 + 2 + 1 + 3 + 3) / 5
    assert seen["sentences"] == math.log1p(3)
    assert seen["questions"] == math.log1p(2)
    assert seen["lines"] == math.log1p(1)
    assert seen["digits"] == 3 / 20
    assert seen["symbols"] == 1 / 20


@given(st.text())
def test_every_text_has_every_feature_as_a_finite_number(text: str) -> None:
    seen = features(text)
    assert tuple(seen) == NAMES
    assert all(math.isfinite(value) and value >= 0 for value in seen.values())


def test_a_long_text_is_judged_by_its_beginning() -> None:
    assert features("word " * 4000) == features("word " * 4000 + "?" * 10**6)
