from __future__ import annotations

import pytest

from app.connectors.embed import EmbedConnector
from app.errors import ConnectorError, ConnectorUnavailable, RetrievalError
from app.vectors import decode
from tests.connectors.embedders import Compass


async def test_that_a_text_becomes_its_vector_in_the_form_of_the_wire() -> None:
    output = await EmbedConnector(Compass()).run({"text": "northeast"}, timeout=1.0)
    assert isinstance(output, str)
    assert decode(output).tolist() == pytest.approx([0.6, 0.8])


async def test_that_many_texts_become_many_vectors() -> None:
    output = await EmbedConnector(Compass()).run({"text": ["north", "northeast"]}, timeout=1.0)
    assert isinstance(output, list)
    assert [decode(str(one)).tolist() for one in output] == [pytest.approx([0, 1]), pytest.approx([0.6, 0.8])]
    (alone,) = await EmbedConnector(Compass()).run({"text": ["northeast"]}, timeout=1.0)  # type: ignore[misc,str-unpack]  # a list
    assert alone == output[1]


@pytest.mark.parametrize("arguments", [{}, {"text": 1}, {"text": []}, {"text": [1]}, {"text": "north", "model": "x"}])
async def test_that_wrong_arguments_are_named(arguments: dict[str, str]) -> None:
    with pytest.raises(ConnectorError, match=r"arguments\.(text|text\.0|model): .*known keys: text"):
        await EmbedConnector(Compass()).run(arguments, timeout=1.0)


async def test_that_a_failure_of_the_embedder_may_pass() -> None:
    compass = Compass()
    compass.error = RetrievalError("away")
    with pytest.raises(ConnectorUnavailable, match="away"):
        await EmbedConnector(compass).run({"text": "north"}, timeout=1.0)
