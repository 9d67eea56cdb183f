from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import ConfigurationError
from app.source.syntax import parse
from app.source.writing import to_yaml
from app.workflows.definition.deployment import Change, Plain, Version, activation, digest, plain, plan
from app.workflows.definition.spec import Workflow
from tests.topics.samples import VALUES


def _spec(name: str = "w", *, prompt: str = "hello", **more: Any) -> Workflow:
    steps = {"say": {"kind": "ask", "models": ["m"], "prompt": prompt}}
    return Workflow.model_validate({"id": name, "steps": steps, **more})


class _World:
    """What is deployed: plans are made and carried out."""

    def __init__(self) -> None:
        self.specs: dict[tuple[str, int], Plain] = {}
        self.active: dict[str, int] = {}

    def plan(self, *specs: Workflow) -> list[Change]:
        return plan(specs, self.specs, self.active)

    def deploy(self, *specs: Workflow) -> list[Change]:
        changes = self.plan(*specs)
        for change in changes:
            self.specs[change.workflow, change.after.number] = change.spec
            self.active[change.workflow] = change.after.number
        return changes


def test_that_a_workflow_that_is_not_there_is_new() -> None:
    change = _World().plan(_spec())[0]
    assert (change.kind, change.before, change.after.number, change.diff) == ("new", None, 1, "")
    assert change.spec["version"] == 1
    assert change.after.digest == digest(change.spec)


def test_that_the_same_again_changes_nothing() -> None:
    engine = _World()
    engine.deploy(_spec(), _spec("other"))
    changes = engine.plan(_spec(), _spec("other"))
    assert [(change.kind, change.after.number, change.diff) for change in changes] == [("unchanged", 1, "")] * 2


def test_that_other_content_is_the_next_version_with_a_readable_difference() -> None:
    engine = _World()
    engine.deploy(_spec(prompt="be kind\nand brief\n"))
    before = digest(engine.specs["w", 1])
    change = engine.deploy(_spec(prompt="be kind\nand exact\n"))[0]
    assert (change.kind, change.before, change.after.number) == ("version", Version(1, before), 2)
    assert change.diff.splitlines()[:2] == ["--- w version 1", "+++ w version 2"]
    changed = [line.strip() for line in change.diff.splitlines()[2:] if line[0] in "+-"]
    assert [line[0] + line[1:].strip() for line in changed] == ["-and brief", "+and exact"]


def test_that_content_which_was_deployed_before_is_activated_again() -> None:
    engine = _World()
    engine.deploy(_spec(prompt="a"))
    engine.deploy(_spec(prompt="b"))
    change = engine.deploy(_spec(prompt="a"))[0]
    assert (change.kind, change.after.number) == ("activate", 1)
    assert "-    prompt: b" in change.diff.splitlines()
    assert "+    prompt: a" in change.diff.splitlines()
    assert engine.plan(_spec(prompt="c"))[0].after.number == 3


def test_that_a_version_that_is_written_is_kept() -> None:
    engine = _World()
    assert engine.deploy(_spec(version=7))[0].after.number == 7
    assert engine.plan(_spec(version=7))[0].kind == "unchanged"
    assert engine.plan(_spec())[0].kind == "unchanged"
    assert engine.plan(_spec(prompt="other"))[0].after.number == 8
    assert engine.plan(_spec(version=9))[0].after.number == 9  # equal content, but a number of its own was asked for


def test_that_a_version_with_other_content_is_refused_with_the_fix_and_all_are_named() -> None:
    engine = _World()
    engine.deploy(_spec(version=2), _spec("v"))
    with pytest.raises(ConfigurationError) as caught:
        engine.plan(_spec(version=2, prompt="x"), _spec("v", version=1, prompt="x"))
    lines = str(caught.value).splitlines()
    assert [line.split(":")[0] for line in lines] == ["w", "v"]
    assert lines[0].endswith("leave `version` out, or set it to 3")


def test_that_a_workflow_in_two_files_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="w: 2 files define it"):
        _World().plan(_spec(), _spec("v"), _spec(prompt="x"))


def test_that_a_version_whose_activation_was_lost_is_activated() -> None:
    engine = _World()
    engine.deploy(_spec())
    del engine.active["w"]
    change = engine.plan(_spec())[0]
    assert (change.kind, change.before, change.after.number) == ("activate", None, 1)


def test_that_an_active_version_that_is_missing_stops_nothing() -> None:
    engine = _World()
    engine.active["w"] = 4
    change = engine.plan(_spec())[0]
    assert (change.kind, change.before, change.diff) == ("new", Version(4, ""), "")


def test_that_a_deployed_version_can_be_activated_by_number() -> None:
    engine = _World()
    engine.deploy(_spec(prompt="a"))
    engine.deploy(_spec(prompt="b"))
    change = activation("w", 1, engine.specs, 2)
    assert (change.kind, change.before and change.before.number, change.after.number) == ("activate", 2, 1)
    assert activation("w", 2, engine.specs, 2).kind == "unchanged"
    with pytest.raises(ConfigurationError, match="w: unknown version 3; deployed versions: 1, 2"):
        activation("w", 3, engine.specs, 2)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (_spec(), _spec(deadline="120s", priority=0, description="")),
        (_spec(), _spec(version=3)),
        (_spec(deadline="2m", priority=1), _spec(priority=1, deadline=120.0)),
        (
            _spec(steps={"a": {"kind": "transform", "value": "1"}, "b": {"kind": "transform", "value": "2"}}),
            _spec(steps={"b": {"value": "2", "kind": "transform"}, "a": {"value": "1", "kind": "transform"}}),
        ),
    ],
)
def test_that_how_it_is_written_makes_no_difference(one: Workflow, other: Workflow) -> None:
    assert digest(plain(one, 1)) == digest(plain(other, 2))


@pytest.mark.parametrize(
    "more",
    [
        {"prompt": "x"},
        {"deadline": "119s"},
        {"input": {"type": "object"}},
        {"steps": {"say": {"kind": "transform", "value": "1", "fallback": {"value": None}}}},
    ],
)
def test_that_what_it_says_makes_one(more: dict[str, Any]) -> None:
    assert digest(plain(_spec(), 1)) != digest(plain(_spec(**more), 1))


_EVERYTHING: list[dict[str, Any]] = [
    {
        "kind": "ask",
        "models": ["m"],
        "prompt": "p",
        "schema": {"type": "string"},
        "samples": 2,
        "sampling": {"seed": 1},
    },
    {"kind": "ask", "models": ["m"], "prompt": "p", "routing": [{"policy": "weighted", "weights": {"m": 2}}]},
    {"kind": "ask", "models": ["m"], "prompt": "p", "fusion": {"strategy": "vote", "quorum": 1, "extra": None}},
    {"kind": "wait", "for": "10s", "retry": {"attempts": 2}},
    {"kind": "transform", "value": "1", "fallback": {"step": "other"}},
    {"kind": "transform", "value": "1", "fallback": {"value": None}},
    {"kind": "transform", "value": "1", "fallback": {"step": None, "value": [1, {"a": None}]}},
    {"kind": "map", "over": "[1]", "step": {"kind": "transform", "value": "item"}},
    {"kind": "decide", "branches": [{"name": "a", "when": "true", "steps": ["other"]}, {"name": "b"}]},
    {"kind": "connector", "connector": "c", "arguments": {"x": "${{ input.x }}", "n": None}},
    {"kind": "workflow", "workflow": "child", "input": {"a": [1.0, 2]}},
]


@pytest.mark.parametrize("step", _EVERYTHING)
def test_that_every_kind_of_step_is_the_same_when_read_back(step: dict[str, Any]) -> None:
    other = {"kind": "transform", "value": "0"}
    spec = Workflow.model_validate({"id": "w", "steps": {"one": step, "other": other}, "answer": "other"})
    written = plain(spec, 4)
    for again in (written, parse(to_yaml(written), "it").value):
        assert Workflow.model_validate(again) == spec.model_copy(update={"version": 4})
        assert digest(again) == digest(written)


@given(st.dictionaries(st.text(max_size=9), VALUES, max_size=4), st.text(max_size=60))
def test_that_any_value_and_text_survives_yaml(arguments: dict[str, Any], prompt: str) -> None:
    steps = {
        "call": {"kind": "connector", "connector": "c", "arguments": arguments},
        "say": {"kind": "ask", "models": ["m"], "prompt": prompt},
    }
    written = plain(Workflow.model_validate({"id": "w", "steps": steps}), 1)
    assert digest(parse(to_yaml(written), "it").value) == digest(written)


def test_that_a_time_of_what_may_wait_is_kept_though_it_is_the_default_of_what_may_not() -> None:
    ask = {"kind": "ask", "models": ["a"], "prompt": "p", "batch": True}
    spec = Workflow.model_validate({"id": "w", "steps": {"s": {**ask, "timeout": "1m"}}, "deadline": "2m"})
    written: Any = plain(spec, 1)
    assert (written["deadline"], written["steps"]["s"]["timeout"]) == (120.0, 60.0)
    again = Workflow.model_validate(written)
    assert (again.deadline, again.steps["s"].timeout) == (120.0, 60.0)
    usual: Any = plain(Workflow.model_validate({"id": "w", "steps": {"s": ask}}), 1)
    assert ("deadline" in usual, "timeout" in usual["steps"]["s"]) == (False, False)
