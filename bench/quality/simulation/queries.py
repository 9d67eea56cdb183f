"""The questions as routers see them: a text, and connectors that know about it what an embedding model would.

A question's text names its topic, and grows with its difficulty. Its embedding has a direction for each topic,
one along which difficulty is found, and noise: `noise` is its standard deviation along the direction of
difficulty, which itself has the standard deviation 1. So difficulty is known with the correlation
1 / sqrt(1 + noise^2), and not better.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from pydantic import JsonValue

from app.vectors import Vector, encode
from bench.quality.simulation.panel import PanelAnswers
from bench.quality.simulation.seeded_random import seeded_choice

_DIMENSIONS = 16
_WORDS, _GROWTH, _LONG = 20, 0.3, 100
_PRESENCE = 4.0  # of the topic, in standard deviations of the difficulty


@dataclass(frozen=True)
class Queries:
    """The texts of the questions in `outcomes`, and the connectors `embed` and `similarity`.

    Questions on the topic `long` bring a long text with them.
    """

    outcomes: PanelAnswers
    seed: int
    noise: float = 0.7
    long: str = ""

    def text(self, question: int) -> str:
        """Return what the user asks."""
        topic = self.outcomes.topics[question]
        hints = max(1, round(_WORDS * (1 + _GROWTH * float(self.outcomes.difficulty[question]))))
        return f"Question {question} about {topic}: which city is it? " + "Hint. " * (
            hints * _LONG if topic == self.long else hints
        )

    def connect(self, connector: str, arguments: Mapping[str, Any]) -> JsonValue:
        """Answer a lookup as the engine's connectors do."""
        vector = self.embedding(arguments["text"])
        if connector == "embed":
            return encode(vector)
        examples: Mapping[str, list[str]] = arguments["examples"]
        return {label: max(float(vector @ self.embedding(text)) for text in texts) for label, texts in examples.items()}

    def embedding(self, text: str) -> Vector:
        """Return a unit vector; a text that is not one of the questions is of no difficulty."""
        topics = self.outcomes.panel.topics
        topic = next((place for place, name in enumerate(topics) if name in text), len(topics))
        noise = np.random.default_rng(seeded_choice(1 << 32, self.seed, text)).standard_normal(_DIMENSIONS) * self.noise
        vector = noise
        vector[0] += self.outcomes.difficulty[self._places[text]] if text in self._places else 0.0
        vector[1 + topic] += _PRESENCE
        return (vector / np.linalg.norm(vector)).astype(np.float32)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {self.text(question): question for question in range(len(self.outcomes.topics))}
