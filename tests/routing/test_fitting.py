from __future__ import annotations

import numpy as np
import pytest

from app.errors import ConfigurationError
from app.routing import curve, fitting
from app.routing.fitting import Sample
from app.routing.text_features import NAMES

SEED = 11


def _samples(count: int, *, seed: int = SEED) -> tuple[list[Sample], np.ndarray]:
    """Return questions of which the long ones, and those whose embedding points up, are hard for the weak model."""
    lots = np.random.default_rng(seed)
    samples, vectors = [], lots.normal(size=(count, 4))
    for vector in vectors:
        words = int(lots.integers(2, 60))
        hard = 0.12 * (words - 30) + 2.5 * vector[0]
        weak = float(lots.random() > 1 / (1 + np.exp(-hard)))
        samples.append(Sample("word " * words, weak, 1.0, 0.001, 0.02))
    return samples, vectors


def test_a_router_closes_most_of_the_gap_on_questions_it_has_not_seen() -> None:
    samples, vectors = _samples(600)
    fitted = fitting.fit(samples, vectors, embedder="e", quality=0.95)
    unseen, their_vectors = _samples(2000, seed=SEED + 1)
    own, *others = fitting.evaluate(fitted.router, unseen, their_vectors)
    assert fitted.area is not None
    assert fitted.area > 0.67  # half of the questions are hard: one who knows them reaches 0.75
    assert curve.area(others) == pytest.approx(fitted.area, abs=0.05)
    assert own.quality == pytest.approx(0.95, abs=0.03)
    assert own.recovered is not None
    assert own.recovered > own.strong_share + 0.2  # by chance they were the same
    assert own.cost == pytest.approx(0.001 + own.strong_share * 0.019)
    assert (fitted.router.embedder, len(fitted.router.embedding)) == ("e", 4)


def test_without_embeddings_it_judges_by_the_text_alone_and_less_well() -> None:
    samples, vectors = _samples(600)
    blind, seeing = fitting.fit(samples), fitting.fit(samples, vectors)
    assert blind.router.embedding == ()
    assert blind.router.features.keys() == set(NAMES)
    assert blind.log_loss > seeing.log_loss
    assert blind.area is not None
    assert seeing.area is not None
    assert 0.55 < blind.area < seeing.area


def test_where_nothing_can_be_learned_it_is_seen_by_the_unseen_questions() -> None:
    lots = np.random.default_rng(SEED)
    samples = [Sample(f"question {lots.integers(10**6)}", float(lots.random() < 0.5)) for _ in range(300)]
    fitted = fitting.fit(samples, lots.normal(size=(300, 50)))
    assert fitted.area == pytest.approx(0.5, abs=0.1)


def test_the_threshold_follows_the_wanted_quality() -> None:
    samples, vectors = _samples(400)
    shares = [fitting.fit(samples, vectors, quality=quality).chosen.strong_share for quality in (0.8, 0.9, 1.0)]
    assert shares == sorted(shares)
    assert shares[0] < shares[-1]
    fitted = fitting.fit(samples, vectors, quality=0.9)
    assert fitted.router.threshold == fitted.chosen.threshold


def test_the_same_samples_give_the_same_router() -> None:
    samples, vectors = _samples(100)
    assert fitting.fit(samples, vectors).router == fitting.fit(samples, vectors).router


@pytest.mark.parametrize(
    ("weak", "message"),
    [
        ([0.0, 1.0] * 5, "cannot be fitted on 10 questions; give at least 20"),
        ([0.0] * 40, "the strong model was better 40 of 40 times"),
        ([1.0] * 38 + [0.0] * 2, "the strong model was better 2 of 40 times"),
    ],
)
def test_too_little_to_learn_from_is_refused(weak: list[float], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        fitting.fit([Sample("text", quality) for quality in weak])


def test_a_router_with_embeddings_is_not_evaluated_without() -> None:
    samples, vectors = _samples(100)
    with pytest.raises(ValueError, match="needs an embedding of 4 dimensions"):
        fitting.evaluate(fitting.fit(samples, vectors).router, samples)


@pytest.mark.parametrize(("weak", "strong", "needed"), [(0, 1, True), (1, 1, False), (1, 0, False), (0.4, 0.6, True)])
def test_the_strong_model_is_needed_where_its_answer_is_better(weak: float, strong: float, *, needed: bool) -> None:
    assert Sample("text", weak, strong).needs_strong is needed
