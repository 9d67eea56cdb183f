"""Drive fusion strategies through their port, as the engine does, and record cost and quality."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from app.fusion.base import Call, Calls, Candidate, Fused, Panel, Strategy
from bench.quality.simulation.exam import Exam, Form
from bench.quality.simulation.panel import Floats, PanelAnswers
from bench.quality.simulation.seeded_random import seeded_uniform

#: A simulated model that a strategy calls: (question, call) -> its reply.
Actor = Callable[[int, Call], str]

_ROUNDS = 50


@dataclass(frozen=True, slots=True)
class Trial:
    """For each question: whether the outcome was right (1.0 or 0.0), what it cost, and how many calls it took."""

    right: Floats
    cost: Floats
    calls: Floats


@dataclass(frozen=True, slots=True)
class Fusion:
    """An exam of a panel: what its models say, in which form they say it, and whom strategies may call.

    The order of preference is drawn again for each question,
    so that a tie tells nothing about who is better. `actors` and `costs` of their calls go by model.
    """

    outcomes: PanelAnswers
    exam: Exam
    form: Form
    actors: Mapping[str, Actor] = field(default_factory=dict)
    costs: Mapping[str, float] = field(default_factory=dict)

    def trial(self, strategy: Strategy, *, among: bool = False) -> Trial:
        """Have the answers to every question fused; `among`: it is enough that the right one is among those given."""
        asked = sum(model.cost for model in self.outcomes.panel.models) * self.outcomes.said.shape[2]
        rows = []
        for question in range(len(self.outcomes.said)):
            candidates = self.candidates(question)
            fused, calls = settle(strategy, self.panel(question, candidates), question, self.actors)
            cost = asked + sum(self.costs[call.model] for call in calls)
            rows.append((self.exam.grade(question, fused.text, among=among), cost, len(candidates) + len(calls)))
        return Trial(*np.array(rows, dtype=np.float64).T)

    def candidates(self, question: int) -> list[Candidate]:
        """Return all samples of all members, in an order by lot."""
        answers = zip(self.outcomes.panel.names, self.outcomes.said[question].tolist(), strict=True)
        made = [
            self.form(self.exam, question, option, branch(name, sample))
            for name, said in answers
            for sample, option in enumerate(said)
        ]
        return sorted(made, key=lambda one: seeded_uniform(self.exam.seed, "arrival", question, one.branch))

    def panel(self, question: int, candidates: Sequence[Candidate]) -> Panel:
        """Return what the engine would hand to a strategy."""
        key = f"{self.exam.seed}/{question}"
        order = sorted((one.branch for one in candidates), key=lambda name: seeded_uniform(key, "preference", name))
        return Panel(candidates, order, prompt="Which city does the archive mean?", key=key)


def alone(outcomes: PanelAnswers) -> Trial:
    """Return the results of the panel's best model, asked once and alone."""
    n, model = len(outcomes.said), outcomes.panel.models[outcomes.panel.best]
    return Trial(outcomes.right[:, outcomes.panel.best, 0], np.full(n, model.cost), np.ones(n))


def settle(
    strategy: Strategy, panel: Panel, question: int, actors: Mapping[str, Actor]
) -> tuple[Fused, tuple[Call, ...]]:
    """Return the strategy's outcome for the panel, and the calls it made.

    Raises:
        RuntimeError: it does not terminate, or repeats a call.
    """
    made: tuple[Call, ...] = ()
    for _ in range(_ROUNDS):
        outcome = strategy.fuse(panel)
        if isinstance(outcome, Fused):
            return outcome, made
        fresh = _fresh(outcome, panel)
        replies = {call.label: actors[call.model](question, call) for call in fresh}
        panel = replace(panel, replies={**panel.replies, **replies})
        made += fresh
    raise RuntimeError(f"{strategy.name} did not finish within {_ROUNDS} rounds")


def branch(model: str, sample: int) -> str:
    """Return the branch of a sample, counted from 0, as the engine names it."""
    return model if sample == 0 else f"{model}#{sample + 1}"


def _fresh(asked: Calls, panel: Panel) -> tuple[Call, ...]:
    fresh = tuple(call for call in asked.calls if call.label not in panel.replies)
    if not fresh:
        raise RuntimeError("a strategy repeats its calls")
    return fresh
