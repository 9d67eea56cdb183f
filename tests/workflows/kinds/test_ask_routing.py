from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, cast

import pytest
from pydantic import BaseModel

from app.routing.base import Choice, Lookup, ModelAnswer, Policy, PolicyOptions, RoutingRequest
from app.workflows.definition.definitions import Definitions
from app.workflows.definition.spec import Workflow
from app.workflows.engine import TaskReceived
from tests.workflows.kinds.run_helpers import answer_next, asked, asking, begun, outcome
from tests.workflows.simulation import Life, accept, answer
from topics.tasks import Parent, Task


class _Theirs:
    """A third party's policy, which does as a test says."""

    name: ClassVar[str] = "theirs"
    Options: ClassVar[type[BaseModel]] = PolicyOptions

    def __init__(self, *choices: Choice | Exception, looking: Exception | None = None) -> None:
        self._first, self._further = choices
        self._looking = looking

    def lookup(self, ask: RoutingRequest) -> Lookup | None:  # noqa: ARG002  # the port's signature
        if self._looking:
            raise self._looking
        return None

    def choose(self, ask: RoutingRequest) -> Choice:  # noqa: ARG002  # likewise
        return _given(self._first)

    def more(self, ask: RoutingRequest, asked: Sequence[str], answers: Sequence[ModelAnswer]) -> Choice | None:  # noqa: ARG002  # likewise
        return _given(self._further)

    def check(self, models: Sequence[str]) -> str | None:  # noqa: ARG002  # likewise
        return None


def _given(choice: Choice | Exception) -> Choice:
    if isinstance(choice, Exception):
        raise choice
    return choice


def _life(policy: _Theirs, *, task: Task | None = None, **fields: Any) -> Life:
    spec = Workflow.model_validate({"id": "w", "steps": {"say": asking("alpha", "beta", "delta", **fields)}})
    definitions = Definitions([spec])
    definitions.latest("w").steps["say"].stages = ((cast("Policy", policy), None),)
    life = Life(definitions)
    life.give(TaskReceived("t", task) if task else accept())
    return life


ALPHA, SECRET = Choice(("alpha",)), RuntimeError("a secret")


@pytest.mark.parametrize(
    "policy",
    [_Theirs(ALPHA, ALPHA, looking=SECRET), _Theirs(SECRET, ALPHA), _Theirs(ALPHA, SECRET)],
    ids=["lookup", "choose", "more"],
)
def test_that_a_policy_that_breaks_fails_its_step_only(policy: _Theirs) -> None:
    life = _life(policy)
    if life.open:
        answer_next(life)
    error = outcome(life).error
    assert error
    assert (error.code, error.message) == ("routing", "the routing of step say (fixed) raised RuntimeError")


@pytest.mark.parametrize("choice", [Choice(("alpha", "omega")), Choice(("alpha",), ("omega",))])
def test_that_a_policy_cannot_choose_what_it_was_not_given(choice: Choice) -> None:
    error = outcome(_life(_Theirs(choice, ALPHA))).error
    assert error
    assert (error.code, "chose omega, which it was not given" in error.message) == ("routing", True)


@pytest.mark.parametrize("choice", [Choice(("beta", "alpha")), Choice(("beta",), ("alpha",))])
def test_that_a_policy_cannot_choose_what_a_budget_does_not_allow(choice: Choice) -> None:
    family = Parent(task_id="p", step="s", request_id="r", models=("beta",))
    life = _life(_Theirs(choice, ALPHA), task=Task(id="t", workflow="w", input={"question": "why?"}, parent=family))
    assert life.open == []
    error = outcome(life).error
    assert error
    assert (error.code, "chose alpha, which it was not given" in error.message) == ("routing", True)


def test_that_no_model_is_asked_twice_whatever_a_policy_says() -> None:
    first = Choice(("alpha", "alpha"), ("alpha", "beta", "beta"))
    life = _life(_Theirs(first, Choice(("alpha", "beta"), ("delta",))))
    assert asked(life) == ["t/say/alpha/1"]
    answer_next(life, error="unavailable")
    assert asked(life) == ["t/say/beta/1"]
    answer_next(life, "Yes")  # and a further wave of models that were all asked is none
    assert outcome(life).answer == "Yes"


def test_that_a_model_whose_name_looks_like_a_samples_is_itself() -> None:
    routing = {"policy": "cascade", "check": "answer != 'No'"}
    life = begun({"say": asking("alpha#1", "alpha#2", routing=routing)})
    assert asked(life) == ["t/say/alpha#1/1"]
    answer_next(life, "No")
    assert asked(life) == ["t/say/alpha#2/1"]
    answer_next(life, "No")
    assert outcome(life).answer == "No"


def test_that_a_cascade_of_samples_goes_on_with_all_samples_of_the_next_model() -> None:
    routing = {"policy": "cascade", "confidence": 1.0}
    life = begun({"say": asking("alpha", "beta", samples=2, routing=routing, fusion={"strategy": "vote"})})
    assert asked(life) == ["t/say/alpha#1/1", "t/say/alpha#2/1"]
    answer_next(life, "Yes")
    answer_next(life, "No")
    assert asked(life) == ["t/say/beta#1/1", "t/say/beta#2/1"]
    answer_next(life, "Perhaps")
    answer_next(life, "Perhaps")
    assert outcome(life).answer == "Perhaps"


def test_that_a_failure_in_a_wave_does_not_end_a_cascade_that_goes_on() -> None:
    """Whatever the order: with the failure first, a quorum of two could not come any more in this wave."""
    for error in (0, 1):
        fusion = {"strategy": "vote", "quorum": 2}
        routing = {"policy": "cascade", "confidence": 1.0}
        life = begun({"say": asking("alpha", "beta", samples=2, routing=routing, fusion=fusion)})
        for number in range(2):
            answer_next(life, "Yes", error="unavailable" if number == error else None)
        assert asked(life) == ["t/say/beta#1/1", "t/say/beta#2/1"]
        answer_next(life, "No")
        answer_next(life, "No")
        assert outcome(life).answer == "No"


def test_that_what_a_cascade_thinks_of_a_wave_does_not_depend_on_arrival() -> None:
    routing = {"policy": "cascade", "check": "answer != 'No'"}
    waves = set()
    for first in (0, 1):
        life = begun({"say": asking("alpha", "beta", samples=2, routing=routing, fusion={"strategy": "vote"})})
        for request in sorted(life.open, key=lambda one: str(one.id), reverse=bool(first)):
            life.give(answer(request, "Yes" if "#1" in str(request.id) else "No"))
        waves.add(len(life.results))
    assert waves == {1}
