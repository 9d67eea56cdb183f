from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from app.retrieval.embedding.hashing import HashingEmbedder


async def test_the_vector_of_a_text_never_changes() -> None:
    (row,) = await HashingEmbedder(dimensions=8).embed(["hello, hello world"])
    places = {index: round(float(value), 4) for index, value in enumerate(row) if value}
    assert places == {3: 0.9045, 4: -0.3015, 5: 0.3015}


async def test_case_and_punctuation_do_not_matter() -> None:
    first, second = await HashingEmbedder().embed(["Restart the worker!", "restart THE worker"])
    assert np.array_equal(first, second)


async def test_accents_matter_less_than_letters() -> None:
    same, unmarked, other = await HashingEmbedder().embed(["café", "cafe", "carp"])
    assert 0.5 < float(same @ unmarked) < 0.9
    assert abs(float(same @ other)) < 0.1


async def test_the_order_of_words_matters() -> None:
    first, second = await HashingEmbedder().embed(["dog bites man", "man bites dog"])
    assert 0.3 < float(first @ second) < 0.9


async def test_its_name_tells_the_dimensions() -> None:
    assert HashingEmbedder(dimensions=64).name != HashingEmbedder(dimensions=128).name
    assert (await HashingEmbedder(dimensions=64).embed(["x"])).shape == (1, 64)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40), st.integers(1, 16))
def test_every_row_has_length_one(text: str, dimensions: int) -> None:
    (row,) = HashingEmbedder(dimensions=dimensions)._embed([text])
    assert abs(float(np.linalg.norm(row)) - 1) < 1e-5
