"""Structured answers: each a JSON object, whose fields a model gets right one by one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import JsonValue

from app.fusion.base import Candidate, Panel, Strategy
from bench.quality.fusing import Trial, settle
from bench.quality.simulation.exam import Exam
from bench.quality.simulation.panel import RIGHT, Floats, PanelAnswers
from bench.quality.simulation.seeded_random import seeded_uniform

FIELDS = 5


@dataclass(frozen=True, slots=True)
class StructuredAnswers:
    """Letters from which each model of a panel extracts a record; its samples are the fields of the record."""

    outcomes: PanelAnswers
    exam: Exam

    def trial(self, strategy: Strategy) -> Trial:
        """Have the records of every letter fused; right is a record whose fields all are."""
        shares = []
        for question in range(len(self.outcomes.said)):
            candidates = self.candidates(question)
            order = sorted(
                (one.branch for one in candidates), key=lambda name: seeded_uniform(self.exam.seed, question, name)
            )
            fused, _ = settle(strategy, Panel(candidates, order, key=str(question)), question, {})
            shares.append(self.share(question, fused.data))
        models = self.outcomes.panel.models
        return _trial(np.array(shares), sum(model.cost for model in models), len(models))

    def best(self) -> Trial:
        """Return how the best model does alone."""
        best = self.outcomes.panel.best
        return _trial(self.outcomes.right[:, best].mean(axis=1), self.outcomes.panel.models[best].cost, 1)

    def candidates(self, question: int) -> list[Candidate]:
        """Return what each model extracts."""
        said = zip(self.outcomes.panel.names, self.outcomes.said[question], strict=True)
        records = [(name, self.record(question, options.tolist())) for name, options in said]
        return [Candidate(name, json.dumps(data), model=name, data=data) for name, data in records]

    def record(self, question: int, options: Sequence[int]) -> JsonValue:
        """Return the record in which the fields are as these options, of which there are `FIELDS`, have it."""
        city, year, postcode, street, tag = options
        return {
            "city": self.exam.city(question, city),
            "year": 1900 + (question + 7 * year) % 100,
            "address": {
                "postcode": 10_000 + question % 1000 + postcode,
                "street": self.exam.city(question + 1, street),
            },
            "tags": ["letter", self.exam.city(question + 2, tag)],
        }

    def share(self, question: int, data: JsonValue) -> float:
        """Return which share of the fields of `data` is right."""
        right = dict(_leaves(self.record(question, [RIGHT] * FIELDS)))
        found = dict(_leaves(data))
        return sum(found.get(path) == value for path, value in right.items()) / FIELDS


def _leaves(data: JsonValue, path: str = "") -> Iterator[tuple[str, JsonValue]]:
    if not isinstance(data, dict):
        yield path, data
        return
    for name, value in data.items():
        yield from _leaves(value, f"{path}.{name}")


def _trial(shares: Floats, cost: float, calls: int) -> Trial:
    n = len(shares)
    return Trial((shares == 1).astype(np.float64), np.full(n, cost), np.full(n, float(calls)))
