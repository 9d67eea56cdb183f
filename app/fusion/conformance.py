"""What every fusion strategy promises, as checks for any of them."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from pydantic import JsonValue

from app.conformance import Check, CheckFailed, require, run_checks
from app.fusion.base import Call, Calls, Candidate, Fused, Panel, Strategy

#: Answers a strategy's call; None is a call that failed.
Model = Callable[[Call], str | None]
#: A panel, and the seed of all else that is random.
Case = tuple[Panel, int]

#: What candidates may say.
TEXTS = (
    "Paris",
    "paris.",
    "Lyon 7",
    "7.0",
    "",
    '{"a": 1, "l": [1]}',
    '{"a": 2.0}',
    "[]",
    "\ud800",
    "<<<END>>> {0} {x}",
)
DATA: tuple[JsonValue, ...] = (None, {"a": 1, "l": ["x"]}, {"a": 2}, [1], {"a": {"b": "x"}})
VECTORS = tuple(np.array(numbers, dtype=np.float32) for numbers in ((1, 0), (0.6, 0.8), (0, 1), (0, 0)))
SCHEMAS: tuple[Mapping[str, Any] | None, ...] = (None, {"type": "object"})
#: What the models say that a strategy calls itself.
REPLIES = (None, "", "new", '{"winner": "A"}', '{"winner": "B"}', '{"score": 3}', '{"score": 9}', '{"a": 1}', "\ud800")


async def probe_strategy(strategy: Strategy, *, cases: int = 100, by_arrival: bool = False) -> AsyncIterator[Check]:
    """Yield one check after the other, each on so many random panels, which are always the same ones.

    With `by_arrival`, the strategy may prefer the candidate that came first.
    """
    suite = StrategyChecks(strategy, [(_panel(random.Random(seed)), seed) for seed in range(cases)])  # noqa: S311  # no secret
    async for check in run_checks(suite):
        if not (by_arrival and check.name == "arrival"):
            yield check


def fuse(strategy: Strategy, panel: Panel, model: Model | None = None) -> tuple[Fused, list[Call]]:
    """Fuse to the end, as the engine does: `model` answers every call, and none is made twice.

    Raises:
        CheckFailed: calls are repeated, there are none to wait for, or there is no `model` for them.
    """
    made: list[Call] = []
    while isinstance(outcome := strategy.fuse(panel), Calls):
        if model is None:
            raise CheckFailed("a model is called where none is needed")
        require(outcome.calls, "it waits for calls, but makes none")
        made += outcome.calls
        require(len({call.label for call in made}) == len(made), "two calls have the same label")
        panel = replace(panel, replies={**panel.replies, **{call.label: model(call) for call in outcome.calls}})
    return outcome, made


class StrategyChecks:
    """One method for each promise, which it holds the strategy to in all `cases`."""

    def __init__(self, strategy: Strategy, cases: Sequence[Case]) -> None:
        self._strategy = strategy
        self._cases = cases

    def sound(self) -> None:
        """What comes out is within the limits of `Fused`."""
        for panel, seed in self._cases:
            fused, _ = self._fuse(panel, seed)
            branches = sorted(candidate.branch for candidate in panel.candidates)
            grouped = sorted(branch for group in fused.groups for branch in group)
            require(0 <= fused.agreement <= 1, f"agreement is {fused.agreement}")
            require(fused.confidence is None or 0 <= fused.confidence <= 1, f"confidence is {fused.confidence}")
            require(grouped == branches, f"groups has {grouped}, the branches are {branches}")
            require(fused.branch in {*branches, ""}, f"the branch {fused.branch!r} is not among {branches}")
            require(fused.reason, "there is no reason")

    def branch(self) -> None:
        """A branch that is named has given the answer."""
        for panel, seed in self._cases:
            fused, _ = self._fuse(panel, seed)
            given = {candidate.text for candidate in panel.candidates if candidate.branch == fused.branch}
            require(not fused.branch or fused.text in given, f"{fused.branch} has not said {fused.text!r}")

    def arrival(self) -> None:
        """The order of arrival does not matter."""
        for panel, seed in self._cases:
            shuffled = _random(seed, "shuffle").sample(panel.candidates, len(panel.candidates))
            other = replace(panel, candidates=shuffled)
            require(self._fuse(panel, seed) == self._fuse(other, seed), f"{panel.candidates} depends on their order")

    def pure(self) -> None:
        """The same panel gives the same answer."""
        for panel, seed in self._cases:
            require(self._fuse(panel, seed) == self._fuse(panel, seed), f"{panel} has two answers")

    def calls(self) -> None:
        """It calls only the models that it names."""
        for panel, seed in self._cases:
            for call in self._fuse(panel, seed)[1]:
                require(call.model in self._strategy.models, f"it calls {call.model}, which is not in `models`")
                require(call.label and call.prompt, "a call has no label or no prompt")

    def failed_calls(self) -> None:
        """When all its calls fail, it answers with what a candidate said, and says why."""
        for panel, _ in self._cases:
            fused, calls = fuse(self._strategy, panel, lambda _: None)
            require(not calls or fused.branch, "without replies, the answer is not a candidate's")
            words = {"could", "failed", "no"} & set(fused.reason.split())
            require(not calls or words, f"the reason does not say that calls failed: {fused.reason}")

    def single(self) -> None:
        """One candidate needs no model."""
        for panel, _ in self._cases:
            alone = replace(panel, candidates=panel.candidates[:1])
            fused, _ = fuse(self._strategy, alone)
            require(fused.groups == ((alone.candidates[0].branch,),), f"one candidate is in the groups {fused.groups}")

    def unanimous(self) -> None:
        """If all say the same, nobody is asked, and all agree."""
        for panel, seed in self._cases:
            chance = _random(seed, "unanimous")
            text, times = chance.choice(TEXTS), chance.randint(1, 4)
            pool = [Candidate(f"m1#{place}", text, model="m1") for place in range(times)]
            fused, _ = fuse(self._strategy, replace(panel, candidates=pool, schema=None))
            require(fused.agreement == 1, f"all said {text!r}, but agreement is {fused.agreement}")
            require(len(fused.groups) == 1, f"all said {text!r}, but the groups are {fused.groups}")

    def decided(self) -> None:
        """With nothing outstanding it is decided, and without a candidate nothing is."""
        for panel, _ in self._cases:
            require(self._strategy.decided(panel.candidates, 0), "nothing is outstanding, but it is not decided")
            require(self._strategy.decided([], 0), "nothing is outstanding, but it is not decided")
            require(not self._strategy.decided([], 1), "it is decided without any candidate")

    def stays_decided(self) -> None:
        """Once it is decided, who is ahead stays ahead, whatever comes."""
        for _, seed in self._cases:
            chance = _random(seed, "late")
            early = chance.choices(("7", "so 7.", "8"), k=chance.randint(1, 6))
            late = chance.choices(("7", "8", "9", ""), k=chance.randint(1, 2))
            pool = [Candidate(f"m2#{place}", text, model="m2") for place, text in enumerate(early)]
            if self._strategy.decided(pool, len(late)):
                self._stays_ahead(
                    pool, [Candidate(f"m{place}", text, model=f"m{place}") for place, text in enumerate(late)], seed
                )

    def _stays_ahead(self, pool: Sequence[Candidate], more: Sequence[Candidate], seed: int) -> None:
        order = [candidate.branch for candidate in (*more, *pool)]  # those that are late have every tie
        before, _ = self._fuse(Panel(pool, order), seed)
        after, _ = self._fuse(Panel([*pool, *more], order), seed)
        ahead = next((group for group in before.groups if before.branch in group), ())
        require(
            any({*ahead, after.branch} <= {*group} for group in after.groups),
            f"it was decided for {before.text!r}, and then became {after.text!r}",
        )

    def _fuse(self, panel: Panel, seed: int) -> tuple[Fused, list[Call]]:
        return fuse(self._strategy, panel, replying(seed))


def replying(seed: int) -> Model:
    """Return a model whose reply depends on the label alone."""
    return lambda call: _random(seed, call.label).choice(REPLIES)


def _random(seed: int, use: str) -> random.Random:
    return random.Random(f"{seed} {use}")  # noqa: S311  # no secret


def _panel(chance: random.Random) -> Panel:
    pool = [
        Candidate(
            f"m{place % 3}#{place}",
            chance.choice(TEXTS),
            chance.choice((None, *VECTORS)),
            f"m{place % 3}",
            chance.choice(DATA),
        )
        for place in range(chance.randint(1, 4))
    ]
    order = chance.sample([f"m{place % 3}#{place}" for place in range(3)], 3)
    prompt, system = chance.choice(("Which?", "")), chance.choice((None, "Be brief."))
    return Panel(pool, order, prompt, system, "run/step", chance.choice(SCHEMAS))
