from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from app import vectors
from bench.quality.simulation.panel import PanelAnswers, SimulatedModel, SimulatedPanel
from bench.quality.simulation.queries import Queries


def outcomes(n: int) -> PanelAnswers:
    return SimulatedPanel((SimulatedModel("a", 0.5),), topics=("law", "art")).draw(n, np.random.default_rng(1))


def test_texts_grow_with_difficulty_and_name_their_topic() -> None:
    drawn = outcomes(500)
    texts = [Queries(drawn, seed=1).text(question) for question in range(500)]

    assert np.corrcoef([len(text) for text in texts], drawn.difficulty)[0, 1] > 0.9
    assert all(topic in text for topic, text in zip(drawn.topics, texts, strict=True))


def test_difficulty_can_be_found_in_an_embedding_but_not_exactly() -> None:
    drawn = outcomes(1000)
    queries = Queries(drawn, seed=1, noise=0.7)
    found = [vectors.decode(str(queries.connect("embed", {"text": queries.text(at)})))[0] for at in range(1000)]

    assert np.corrcoef(found, drawn.difficulty)[0, 1] == pytest.approx(1 / np.sqrt(1 + 0.7**2), abs=0.05)


def test_a_question_is_most_similar_to_examples_of_its_topic() -> None:
    drawn = outcomes(200)
    queries = Queries(drawn, seed=1, noise=0.3)
    examples = {"law": ["Say something about law."], "art": ["Say something about art."]}
    asked = ({"text": queries.text(at), "examples": examples} for at in range(200))
    found: list[Any] = [queries.connect("similarity", arguments) for arguments in asked]

    assert ["law" if one["law"] > one["art"] else "art" for one in found] == list(drawn.topics)


def test_some_questions_bring_a_long_text() -> None:
    drawn = outcomes(100)
    texts = [Queries(drawn, seed=1, long="law").text(question) for question in range(100)]

    lengths = {
        topic: [len(text) for text, of in zip(texts, drawn.topics, strict=True) if of == topic]
        for topic in ("law", "art")
    }
    assert min(lengths["law"]) > 2 * max(lengths["art"])
