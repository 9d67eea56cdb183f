from __future__ import annotations

import asyncio
from typing import Any

import pytest

from app.connectors.similarity import SimilarityConnector
from app.errors import ConnectorError, ConnectorUnavailable, RetrievalError
from tests.connectors.embedders import Compass

EXAMPLES: dict[str, Any] = {"up": ["north", "northeast"], "right": ["east"], "down": ["south"]}


async def test_that_each_label_has_the_cosine_of_its_nearest_example() -> None:
    output = await SimilarityConnector(Compass()).run({"text": "north", "examples": EXAMPLES}, timeout=1.0)
    assert output == pytest.approx({"up": 1.0, "right": 0.0, "down": -1.0})
    output = await SimilarityConnector(Compass()).run({"text": "northeast", "examples": {"up": ["north"]}}, timeout=1.0)
    assert output == pytest.approx({"up": 0.8})


async def test_that_examples_are_embedded_once() -> None:
    compass = Compass()
    similarity = SimilarityConnector(compass)
    await similarity.run({"text": "north", "examples": EXAMPLES}, timeout=1.0)
    await similarity.run({"text": "east", "examples": {**EXAMPLES, "again": ["south", "south"]}}, timeout=1.0)
    assert compass.asked == [["north"], ["east", "north", "northeast", "south"], ["east"]]


async def test_that_of_equal_requests_at_once_one_embeds_the_examples() -> None:
    compass = Compass()
    similarity = SimilarityConnector(compass)
    asked = [similarity.run({"text": "north", "examples": EXAMPLES}, timeout=1.0) for _ in range(3)]
    first, *others = await asyncio.gather(*asked)
    assert others == [first, first]
    assert sum(len(texts) > 1 for texts in compass.asked) == 1


async def test_that_few_vectors_are_kept_and_more_examples_than_that_still_work() -> None:
    compass = Compass()
    similarity = SimilarityConnector(compass, keep=2)
    for _ in range(2):
        output = await similarity.run({"text": "north", "examples": EXAMPLES}, timeout=1.0)
        assert output == pytest.approx({"up": 1.0, "right": 0.0, "down": -1.0})
    assert len(similarity._known) == 2
    assert len(compass.asked[3]) == 2  # those that were not kept


async def test_that_the_examples_used_last_are_kept() -> None:
    compass = Compass()
    similarity = SimilarityConnector(compass, keep=2)
    for example in ("north", "east", "north", "south", "north"):
        await similarity.run({"text": "east", "examples": {"x": [example]}}, timeout=1.0)
    assert compass.asked.count(["north"]) == 1
    await similarity.run({"text": "south", "examples": {"x": ["east"]}}, timeout=1.0)
    assert compass.asked[-2:] == [["south"], ["east"]]  # which had to go for the third


@pytest.mark.parametrize(
    "arguments",
    [{"text": "north"}, {"text": "north", "examples": {}}, {"text": "north", "examples": {"up": []}}, {"examples": {}}],
)
async def test_that_wrong_arguments_are_refused_before_anything_is_embedded(arguments: dict[str, Any]) -> None:
    compass = Compass()
    with pytest.raises(ConnectorError, match="known keys: text, examples"):
        await SimilarityConnector(compass).run(arguments, timeout=1.0)
    assert compass.asked == []


async def test_that_a_failure_of_the_embedder_may_pass_and_is_not_kept() -> None:
    compass = Compass()
    similarity = SimilarityConnector(compass)
    compass.error = RetrievalError("away")
    with pytest.raises(ConnectorUnavailable, match="away"):
        await similarity.run({"text": "north", "examples": EXAMPLES}, timeout=1.0)
    compass.error = None
    assert await similarity.run({"text": "north", "examples": {"up": ["north"]}}, timeout=1.0) == {"up": 1.0}
