from __future__ import annotations

from typing import Any

import pytest

from app.errors import ConfigurationError
from app.workflows.definition.graph import DependencyCycle, last, needs, order, stand_ins, targets
from app.workflows.definition.spec import Workflow


def spec(**steps: dict[str, Any]) -> Workflow:
    return Workflow.model_validate({"id": "w", "steps": steps})


def of(value: str = "1", **fields: Any) -> dict[str, Any]:
    return {"kind": "transform", "value": value, **fields}


def decide(**branches: list[str]) -> dict[str, Any]:
    named = [{"name": name, "when": "input.x", "steps": steps} for name, steps in branches.items()]
    return {"kind": "decide", "branches": named}


def test_that_a_step_needs_what_it_writes_refers_to_and_is_decided_by() -> None:
    found = needs(spec(a=of(), b=of("steps.a.output"), way=decide(on=["c"]), c=of(after=["b"])))
    assert found == {"a": frozenset(), "b": {"a"}, "way": frozenset(), "c": {"b", "way"}}


def test_that_a_name_that_is_not_a_step_is_no_need() -> None:
    assert needs(spec(a=of("steps.nothing.output"))) == {"a": frozenset()}


def test_that_what_is_malformed_is_said() -> None:
    with pytest.raises(ConfigurationError, match=r"steps\.a\.value"):
        needs(spec(a=of("1 +")))


def test_that_a_step_can_stand_in_for_several_and_needs_none_of_them() -> None:
    steps = spec(
        a=of(fallback={"step": "c"}), b=of(fallback={"step": "c"}), c=of("steps.a.error.code + steps.b.error.code")
    )
    assert stand_ins(steps) == {"c": {"a", "b"}}
    assert needs(steps)["c"] == frozenset()


def test_that_a_value_that_stands_in_is_no_step() -> None:
    assert stand_ins(spec(a=of(fallback={"value": 0}))) == {}


def test_that_several_decisions_can_be_made_on_a_step() -> None:
    steps = spec(one=decide(x=["c"], y=["c", "d"]), two=decide(z=["c"]), c=of(), d=of())
    assert targets(steps) == {"c": (("one", "x"), ("one", "y"), ("two", "z")), "d": (("one", "y"),)}


def test_that_each_step_comes_after_those_that_it_needs() -> None:
    waits = {"d": {"b", "c"}, "b": {"a"}, "c": {"a"}, "a": set[str]()}
    found = order(waits)
    assert sorted(found) == ["a", "b", "c", "d"]
    assert all(found.index(other) < found.index(name) for name, others in waits.items() for other in others)


def test_that_a_circle_is_named_whole() -> None:
    with pytest.raises(DependencyCycle, match="wait for each other in a cycle: ") as caught:
        order({"a": {"c"}, "b": {"a"}, "c": {"b"}, "d": {"a"}})
    cycle = caught.value.cycle
    assert cycle[0] == cycle[-1]
    assert set(cycle) == {"a", "b", "c"}


def test_that_the_last_steps_are_those_that_none_needs_and_that_stand_in_for_none() -> None:
    steps = spec(a=of(fallback={"step": "s"}), s=of(), b=of("steps.a.output"), c=of("steps.a.output"))
    assert last(steps, needs(steps)) == ("b", "c")


def test_that_the_order_is_the_same_in_every_process() -> None:
    """The iteration of a set of texts is not: here, two of its orders are given on purpose."""
    one, other = ({"last": before, "also": before[::-1]} for before in (["b", "a", "c"], ["c", "b", "a"]))
    assert order(one) == order(other)
