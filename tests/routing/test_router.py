from __future__ import annotations

import math

import numpy as np
import pytest
from pydantic import ValidationError

from app.routing.router import Router


def test_the_score_is_the_logistic_function_of_a_sum() -> None:
    router = Router(intercept=0.5, features={"questions": 2.0}, embedding=(1.0, -1.0))
    total = 0.5 + 2.0 * math.log1p(1) + 0.25 - 0.75
    score = router.score("why?", np.array([0.25, 0.75], dtype=np.float32))
    assert score == pytest.approx(1 / (1 + math.exp(-total)))


@pytest.mark.parametrize("intercept", [-1e9, 1e9])
def test_a_score_stays_between_0_and_1(intercept: float) -> None:
    assert 0 <= Router(intercept=intercept).score("") <= 1


@pytest.mark.parametrize("vector", [None, np.zeros(3, dtype=np.float32), np.zeros((1, 2), dtype=np.float32)])
def test_an_embedding_of_another_size_is_refused(vector: np.ndarray | None) -> None:
    with pytest.raises(ValueError, match="needs an embedding of 2 dimensions"):
        Router(intercept=0.0, embedding=(1.0, 2.0)).score("", vector)


@pytest.mark.parametrize("content", [{"features": {"mood": 1.0}}, {"intercept": math.nan}, {"threshold": 2}, {"x": 1}])
def test_what_is_not_a_router_is_refused(content: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Router.model_validate({"intercept": 0.0, **content})


def test_a_router_survives_being_written() -> None:
    router = Router(intercept=0.1, features={"words": 1 / 3}, embedding=(0.1, 1e-9), embedder="e", threshold=0.25)
    assert Router.model_validate_json(router.model_dump_json()) == router
