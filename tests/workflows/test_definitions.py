from __future__ import annotations

from typing import Any

import pytest

from app.errors import ConfigurationError, UnknownWorkflow
from app.fusion.vote import Vote
from app.routing.weighted import Weighted
from app.workflows.definitions import Definition, Definitions
from app.workflows.spec import Workflow


def _spec(name: str = "w", version: int = 1, **step: Any) -> Workflow:
    say = {"kind": "ask", "models": ["m"], "prompt": "{{ input.x }}", "after": ["find"], **step}
    steps = {"say": say, "find": {"kind": "retrieve", "query": "{{ input.q }}"}}
    return Workflow.model_validate({"id": name, "version": version, "steps": steps, "output": "say"})


def test_that_all_parts_are_looked_up_once() -> None:
    definition = Definition(_spec(system="s", fusion={"strategy": "vote"}, routing={"policy": "weighted"}))
    assert definition.order == ("find", "say")
    assert set(definition.prompts) == {("find", "query"), ("say", "prompt"), ("say", "system")}
    assert isinstance(definition.strategies["say"], Vote)
    assert isinstance(definition.policies["say"], Weighted)
    assert set(definition.strategies) == set(definition.policies) == {"say"}


def test_that_a_system_prompt_is_not_needed() -> None:
    assert ("say", "system") not in Definition(_spec()).prompts


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ({"prompt": "{{"}, "workflow w: steps.say.prompt"),
        ({"system": "{{"}, "workflow w: steps.say.system"),
        ({"fusion": {"strategy": "magic"}}, "no fusion strategy is called magic"),
        ({"routing": {"policy": "magic"}}, "no routing policy is called magic"),
    ],
)
def test_that_what_cannot_be_run_is_refused_at_once(step: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Definitions([_spec(**step)])


def test_that_the_newest_version_is_the_latest_whatever_the_order() -> None:
    definitions = Definitions([_spec(version=2), _spec(version=10), _spec(version=1), _spec("other")])
    assert definitions.latest("w").spec.version == 10
    assert definitions.get("w", 2).spec.version == 2


def test_that_a_version_that_is_gone_is_replaced_by_the_newest() -> None:
    assert Definitions([_spec(version=3), _spec(version=4)]).get("w", 1).spec.version == 4


def test_that_an_unknown_workflow_is_named_with_those_that_there_are() -> None:
    definitions = Definitions([_spec("b"), _spec("a")])
    for ask in (definitions.latest, lambda name: definitions.get(name, 1)):
        with pytest.raises(UnknownWorkflow, match="no workflow is called c; there are a, b"):
            ask("c")
