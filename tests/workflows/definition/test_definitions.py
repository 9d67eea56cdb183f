from __future__ import annotations

from typing import Any

import pytest

from app.errors import ConfigurationError, UnknownWorkflow
from app.fusion.strategies.vote import Vote
from app.routing.policies.weighted import Weighted
from app.workflows.definition.definitions import Definition, Definitions
from app.workflows.definition.spec import Workflow


def _spec(name: str = "w", version: int = 1, **step: Any) -> Workflow:
    say = {"kind": "ask", "models": ["m"], "prompt": "{{ input.x }}", "after": ["find"], **step}
    steps = {"say": say, "find": {"kind": "retrieve", "query": "{{ input.q }}"}}
    return Workflow.model_validate({"id": name, "version": version, "steps": steps})


def test_that_all_parts_are_made_ready_once() -> None:
    definition = Definition(_spec(system="s", fusion={"strategy": "vote"}, routing={"policy": "weighted", "choose": 1}))
    say, find = definition.steps["say"], definition.steps["find"]
    assert definition.order == ("find", "say")
    assert (set(say.templates), set(find.templates)) == ({"prompt", "system"}, {"query"})
    assert isinstance(say.strategy, Vote)
    ((policy, count),) = say.stages
    assert isinstance(policy, Weighted)
    assert count == 1
    assert (find.strategy, find.stages) == (None, ())


def test_that_a_system_prompt_is_not_needed() -> None:
    assert "system" not in Definition(_spec()).steps["say"].templates


def _steps(**steps: dict[str, Any]) -> Definition:
    return Definition(Workflow.model_validate({"id": "w", "steps": steps, "answer": list(steps)[-1]}))


def _of(value: str, **fields: Any) -> dict[str, Any]:
    return {"kind": "transform", "value": value, **fields}


def test_that_a_step_waits_for_what_it_names_and_for_what_decides_on_it() -> None:
    definition = _steps(
        a=_of("1"),
        way={"kind": "decide", "branches": [{"name": "on", "steps": ["b"]}]},
        b=_of("2"),
        c={"kind": "connector", "connector": "x", "arguments": {"deep": [{"n": "${{ steps.a.output }}"}]}},
        d={"kind": "retrieve", "query": "{{ steps.b.output }}", "when": "steps.a.status == 'succeeded'"},
        e=_of("0", after=["c"]),
    )
    assert definition.needs == {
        "a": frozenset(),
        "way": frozenset(),
        "b": {"way"},
        "c": {"a"},
        "d": {"a", "b"},
        "e": {"c"},
    }
    assert definition.followers["a"] == ["c", "d"]


def test_that_a_step_inside_a_map_counts_as_the_map() -> None:
    step = {"kind": "retrieve", "query": "{{ item }} {{ steps.a.output }}"}
    definition = _steps(a=_of("[1]"), b={"kind": "map", "over": "[1]", "step": step})
    assert definition.needs["b"] == {"a"}
    inner = definition.step("b[3]")
    assert inner
    assert inner.spec.kind == "retrieve"
    assert definition.step("nothing") is None


def test_that_a_step_that_stands_in_for_another_may_name_it() -> None:
    definition = _steps(a=_of("1", fallback={"step": "b"}), b=_of("steps.a.error.code"), c=_of("steps.a.output"))
    assert definition.needs["b"] == frozenset()
    assert definition.stand_ins == {"b": {"a"}}


def test_that_the_answer_is_the_one_step_after_which_none_comes() -> None:
    assert Definition(_spec()).answer == "say"
    two = {"id": "w", "steps": {"a": _of("1"), "b": _of("2")}}
    with pytest.raises(ConfigurationError, match="answer: say which step's output is the answer: a, b"):
        Definition(Workflow.model_validate(two))


def test_that_steps_that_wait_for_each_other_are_refused_with_the_ring() -> None:
    with pytest.raises(ConfigurationError, match=r"in a cycle: (a → b → a|b → a → b)"):
        _steps(a=_of("steps.b.output"), b=_of("steps.a.output"))


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"prompt": "{{"}, "workflow w: steps.say.prompt"),
        ({"system": "{{"}, "workflow w: steps.say.system"),
        ({"fusion": {"strategy": "magic"}}, "no fusion strategy is called magic"),
        ({"routing": {"policy": "magic"}}, "no routing policy is called magic"),
    ],
)
def test_that_what_cannot_be_run_is_refused_at_once(step: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Definitions([_spec(**step)])


def test_that_the_newest_version_is_active_whatever_the_order() -> None:
    definitions = Definitions([_spec(version=2), _spec(version=10), _spec(version=1), _spec("other")])
    assert definitions.latest("w").spec.version == 10
    assert definitions.get("w", 2).spec.version == 2
    assert (definitions.versions("w"), definitions.active("w"), definitions.active("x")) == ((1, 2, 10), 10, None)


def test_that_a_version_that_is_put_later_counts_when_it_is_activated_and_can_be_taken_back() -> None:
    definitions = Definitions([_spec(version=1)])
    definitions.put(_spec(version=2))
    assert definitions.latest("w").spec.version == 1
    definitions.activate("w", 2)
    assert definitions.latest("w").spec.version == 2
    definitions.activate("w", 1)
    assert definitions.latest("w").spec.version == 1


def test_that_a_version_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(UnknownWorkflow, match="the workflow w has no version 1; there are: 3, 4"):
        Definitions([_spec(version=3), _spec(version=4)]).get("w", 1)


def test_that_a_version_that_cannot_be_run_here_says_why() -> None:
    definitions = Definitions([_spec()])
    definitions.refuse("w", 2, "no strategy is called magic")
    definitions.activate("w", 2)
    with pytest.raises(UnknownWorkflow, match="version 2 of the workflow w cannot be run: no strategy is called magic"):
        definitions.latest("w")


def test_that_an_unknown_workflow_is_named_with_those_that_there_are() -> None:
    with pytest.raises(UnknownWorkflow, match="no workflow is called c; there are a, b"):
        Definitions([_spec("b"), _spec("a")]).latest("c")
