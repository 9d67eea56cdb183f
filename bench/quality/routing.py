"""Drive routing policies through their port, as the engine does, and record cost and quality."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from app.errors import ConfigurationError
from app.fusion.base import Candidate, Panel, Strategy
from app.routing.base import Choice, ModelAnswer, ModelProfile, RoutingRequest
from app.routing.chain import Stage, check_through, choose_through, lookup_through, more_through
from bench.quality.fusing import Trial, branch, settle
from bench.quality.simulation.exam import Exam, short
from bench.quality.simulation.panel import RIGHT, PanelAnswers
from bench.quality.simulation.queries import Queries

_LETTERS_A_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Wave:
    """The answers of the models called last, and all models called so far."""

    asked: tuple[str, ...] = ()
    answers: tuple[ModelAnswer, ...] = ()
    latest: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True)
class Routing:
    """An exam of policies: which models they call for each question, and with which result.

    `fusion` makes one answer of those that the models gave that were asked last, as the engine does: a policy
    that goes on has dismissed what it had. `look` may add to an answer what a check would find.
    """

    outcomes: PanelAnswers
    exam: Exam
    queries: Queries
    fusion: Strategy
    profiles: Mapping[str, ModelProfile] = field(default_factory=dict)
    look: Callable[[int, Candidate, bool], Candidate] = lambda _question, candidate, _right: candidate

    def trial(self, *stages: Stage, models: Sequence[str] = ()) -> Trial:
        """Route every question through `stages`; `models` are those to choose from, all when empty.

        Raises:
            ConfigurationError: the policies are invalid for the models.
        """
        names = tuple(models) or self.outcomes.panel.names
        if complaint := check_through(stages, names):
            raise ConfigurationError(complaint)
        asks = (self.question(question, names) for question in range(len(self.outcomes.topics)))
        rows = [self._account(ask.offset, self.follow(stages, ask)) for ask in asks]
        return Trial(*np.array(rows, dtype=np.float64).T)

    def follow(self, stages: Sequence[Stage], ask: RoutingRequest) -> Wave:
        """Call wave after wave, until the policies stop."""
        if lookup := lookup_through(stages, ask):
            ask = replace(ask, looked_up=self.queries.connect(lookup.connector, lookup.arguments))
        choice: Choice | None = choose_through(stages, ask)
        wave = Wave()
        while choice and choice.models:
            wave = self._next(ask.offset, wave, choice.models)
            choice = more_through(stages, ask, wave.asked, wave.answers)
        return wave

    def question(self, question: int, models: tuple[str, ...]) -> RoutingRequest:
        """Return what the engine would have a policy choose for; its turn is the number of the question."""
        text = self.queries.text(question)
        key = f"{self.exam.seed}/{question}"
        tokens = len(text) // _LETTERS_A_TOKEN
        return RoutingRequest(models, len(models), key, question, text, tokens, profiles=self.profiles)

    def _next(self, question: int, before: Wave, models: Sequence[str]) -> Wave:
        latest = tuple(one for model in models for one in self._candidates(question, model))
        answers = tuple(ModelAnswer(one.model, one.text, one.data) for one in latest)
        return Wave((*before.asked, *models), (*before.answers, *answers), latest)

    def _candidates(self, question: int, model: str) -> list[Candidate]:
        said = self.outcomes.said[question, self.outcomes.panel.names.index(model)]
        return [
            self.look(question, short(self.exam, question, option, branch(model, sample)), option == RIGHT)
            for sample, option in enumerate(said.tolist())
        ]

    def _account(self, question: int, wave: Wave) -> tuple[bool, float, int]:
        order = [one.branch for one in wave.latest]
        fused, _ = settle(self.fusion, Panel(wave.latest, order), question, {})
        costs = {model.name: model.cost for model in self.outcomes.panel.models}
        cost = sum(costs[answer.model] for answer in wave.answers)
        return self.exam.grade(question, fused.text), cost, len(wave.answers)
