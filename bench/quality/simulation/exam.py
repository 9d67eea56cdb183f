"""The wording of options, and the parsing of answers.

An option is a city. Which city is right differs from question to question. An answer in words names exactly
one city, so whoever reads a text, be it the examiner or a simulated judge reading its prompt, finds what is
claimed in it by looking for cities.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from app.fusion.base import Candidate
from app.vectors import Vector
from bench.quality.simulation.panel import RIGHT, Floats
from bench.quality.simulation.seeded_random import seeded_choice

CITIES = (
    "Arvada", "Bremen", "Cadiz", "Delft", "Evora", "Ferrara", "Gdansk", "Hobart",
    "Izmir", "Jaffa", "Kyoto", "Lublin", "Malmo", "Nantes", "Odessa", "Perth",
)  # fmt: skip
_NAME = re.compile("[A-Z][a-z]+")
_PLACES = {city: place for place, city in enumerate(CITIES)}
_SPELLINGS = ("{}", "{}.", "**{}**", " {} ", '"{}"', "the {}")
_OPENINGS = ("All sources considered, it is {}", "Only {} fits", "I would say {}", "It can only have been {}")
_REASONS = ("as the registers of the year {} have it", "which {} letters confirm", "see entry {} of the index")
_DIMENSIONS = 32

#: Puts an option into words: (exam, question, option, branch) -> candidate.
Form = Callable[["Exam", int, int, str], Candidate]


@dataclass(frozen=True)
class Exam:
    """The wording of one set of questions.

    Embeddings are unit vectors: what all answers have in common, the city's own direction, and noise, whose
    length is `noise` times that of the city's part.
    """

    seed: int
    noise: float = 1.0

    def city(self, question: int, option: int) -> str:
        """Return the name of the option in this question."""
        return CITIES[(option + self._shift(question)) % len(CITIES)]

    def read(self, question: int, text: str) -> list[int]:
        """Return the options that `text` names, in order, each as often as it is named."""
        shift = self._shift(question)
        return [(_PLACES[name] - shift) % len(CITIES) for name in _NAME.findall(text) if name in _PLACES]

    def grade(self, question: int, text: str, *, among: bool = False) -> bool:
        """Return whether `text` names the right option, and, but for `among`, no other."""
        claims = set(self.read(question, text))
        return RIGHT in claims if among else claims == {RIGHT}

    def embedding(self, question: int, option: int, branch: str) -> Vector:
        """Return a unit vector near those of answers with the same meaning."""
        lots = np.random.default_rng(seeded_choice(1 << 32, self.seed, "embedding", question, branch))
        noise = lots.standard_normal(_DIMENSIONS) * self.noise / np.sqrt(_DIMENSIONS)
        vector = self._directions[-1] + self._directions[(option + self._shift(question)) % len(CITIES)] + noise
        unit: Vector = (vector / np.linalg.norm(vector)).astype(np.float32)
        return unit

    def _shift(self, question: int) -> int:
        return seeded_choice(len(CITIES), self.seed, "shift", question)

    @cached_property
    def _directions(self) -> Floats:
        """One unit vector for each city, and one for what all answers have in common."""
        drawn = np.random.default_rng(self.seed).standard_normal((len(CITIES) + 1, _DIMENSIONS))
        rows: Floats = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
        return rows


def short(exam: Exam, question: int, option: int, branch: str) -> Candidate:
    """Return the option alone, spelt in one of several ways that mean the same."""
    spelling = _SPELLINGS[seeded_choice(len(_SPELLINGS), exam.seed, "spelling", question, branch)]
    return Candidate(branch, spelling.format(exam.city(question, option)), model=model_of(branch))


def free(exam: Exam, question: int, option: int, branch: str) -> Candidate:
    """Return a sentence, with an embedding; hardly two of them are the same."""
    opening = _OPENINGS[seeded_choice(len(_OPENINGS), exam.seed, "opening", question, branch)]
    reason = _REASONS[seeded_choice(len(_REASONS), exam.seed, "reason", question, branch)]
    number = seeded_choice(1_000_000, exam.seed, "number", question, branch)
    text = f"{opening.format(exam.city(question, option))}, {reason.format(number)}."
    return Candidate(branch, text, embedding=exam.embedding(question, option, branch), model=model_of(branch))


def model_of(branch: str) -> str:
    """Return the model that answered in `branch`: a model's further samples are called `model#2` and so on."""
    return branch.partition("#")[0]
