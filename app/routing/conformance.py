"""What every routing policy promises, as checks for any of them."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace

from pydantic import JsonValue

from app.conformance import Check, require, run_checks
from app.routing.base import Choice, HealthSnapshot, ModelAnswer, ModelProfile, Policy, RoutingRequest

#: A request, and what each of its models says when it is asked; None is a failure.
Case = tuple[RoutingRequest, Sequence[str | None]]
ANSWERS = (None, "yes", "Yes.", "no", "hm")


async def probe_policy(
    make: Callable[[], Policy],
    *,
    models: Sequence[str] = ("a", "b", "c", "d"),
    looked_up: Sequence[JsonValue] = (None,),
    cases: int = 100,
) -> AsyncIterator[Check]:
    """Yield one check after the other, each on so many random requests, which are always the same ones.

    `make` returns a new policy with the same options; `models` are those that its options name, if they name any, and
    `looked_up` what its lookups may find.
    """
    requests = [_case(random.Random(seed), models, looked_up) for seed in range(cases)]  # noqa: S311  # no secret
    async for check in run_checks(PolicyChecks(make, models, requests)):
        yield check


class PolicyChecks:
    """One method for each promise, which it holds the policy to in all `cases`."""

    def __init__(self, make: Callable[[], Policy], models: Sequence[str], cases: Sequence[Case]) -> None:
        self._make = make
        self._policy = make()
        self._models = models
        self._cases = cases

    def options(self) -> None:
        """It has a name, and its options fit the models that they name."""
        require(self._policy.name, "it has no name")
        complaint = self._policy.check(self._models)
        require(complaint is None, f"its options do not fit the models: {complaint}")

    def sound(self) -> None:
        """It chooses among the models of the request, at most as many as wanted."""
        for request, _ in self._cases:
            _require_sound(self._policy.choose(request), request)

    def pure(self) -> None:
        """Equal requests have equal choices, also by another instance."""
        for request, _ in self._cases:
            again, other = self._policy.choose(replace(request)), self._make().choose(request)
            require(self._policy.choose(request) == again == other, f"{request} has two choices")
            require(self._policy.lookup(request) == self._make().lookup(request), f"{request} has two lookups")

    def preference(self) -> None:
        """The model that is preferred does not depend on how many are wanted."""
        for request, _ in self._cases:
            one, all_ = (self._policy.choose(replace(request, count=count)) for count in (1, len(request.models)))
            require(one.models == all_.models[:1], f"alone it prefers {one.models}, among more {all_.models[:1]}")

    def ends(self) -> None:
        """It asks no model twice, and so comes to an end."""
        for request, said in self._cases:
            answers, asked = list[ModelAnswer](), tuple[str, ...]()
            choice: Choice | None = self._policy.choose(request)
            while choice is not None and choice.models:
                _require_sound(choice, request)
                require(not set(choice.models) & set(asked), f"it asks {choice.models} after {asked}")
                asked += choice.models
                answers += [ModelAnswer(model, said[request.models.index(model)]) for model in choice.models]
                choice = self._policy.more(request, asked, answers)

    def lookup(self) -> None:
        """What it looks up is the name of a connector, and arguments in JSON."""
        for request, _ in self._cases:
            if lookup := self._policy.lookup(request):
                require(lookup.connector, "a lookup names no connector")
                json.dumps(dict(lookup.arguments))


def _require_sound(choice: Choice, request: RoutingRequest) -> None:
    everyone = choice.models + choice.reserves
    require(len(set(everyone)) == len(everyone), f"{everyone} has a model twice")
    require(set(everyone) <= set(request.models), f"{everyone} are not all among {request.models}")
    require(len(choice.models) <= request.count, f"{request.count} were wanted, {len(choice.models)} chosen")
    require(choice.reason, "there is no reason")
    require(choice.models or not choice.reserves, "there are reserves, but nobody is asked")


def _case(chance: random.Random, models: Sequence[str], looked_up: Sequence[JsonValue]) -> Case:
    asked = tuple(chance.sample(models, chance.randint(1, len(models))))
    request = RoutingRequest(
        models=asked,
        count=chance.randint(1, len(models) + 1),
        key=f"run-{chance.randint(0, 999)}/step",
        offset=chance.randint(0, 1000),
        text=chance.choice(("", "Which?", "Sum up this text. " * 3)),
        tokens=chance.randint(0, 20_000),
        now=100.0,
        profiles={model: _profile(chance) for model in models if chance.random() < 0.7},  # noqa: PLR2004  # most, not all
        health={model: _health(chance) for model in models if chance.random() < 0.7},  # noqa: PLR2004  # likewise
        looked_up=chance.choice(looked_up),
    )
    return request, chance.choices(ANSWERS, k=len(asked))


def _profile(chance: random.Random) -> ModelProfile:
    return ModelProfile(
        input_price=chance.choice((None, 0.0, chance.uniform(0, 100))),
        output_price=chance.choice((None, 0.0, chance.uniform(0, 100))),
        context_tokens=chance.choice((None, chance.randint(1, 10_000))),
        tags=frozenset(chance.sample("xyz", chance.randint(0, 3))),
        region=chance.choice((None, "eu", "us")),
        tools=chance.random() < 0.5,  # noqa: PLR2004  # as often as not
    )


def _health(chance: random.Random) -> HealthSnapshot:
    seconds = chance.choice((None, chance.uniform(0, 60)))
    return HealthSnapshot(seconds, chance.uniform(0, 1), chance.choice((0.0, chance.uniform(0, 200))))
