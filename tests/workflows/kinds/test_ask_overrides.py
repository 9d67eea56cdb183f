from __future__ import annotations

from typing import Any

import pytest

from app.workflows.checks import check
from app.workflows.definition.spec import Workflow
from app.workflows.definition.steps import AskTool
from tests.workflows.kinds.run_helpers import answer_next, asking, begun, outcome
from topics.model_requests import ModelRequest, Sampling

TOOL = {"name": "look", "description": "Look.", "parameters": {"type": "object", "properties": {"z": {}, "a": {}}}}
SCHEMA = {"type": "object", "properties": {"z": {"type": "integer"}, "a": {"type": "integer"}}, "required": ["z"]}


def _life(overrides: Any, **fields: Any) -> Any:
    step = asking("alpha", "beta", overrides="${{ input.overrides }}", system="S", **fields)
    return begun({"say": step}, task={"input": {"question": "why?", "overrides": overrides}})


def _requests(overrides: Any, **fields: Any) -> list[ModelRequest]:
    return list(_life(overrides, **fields).open)


def test_that_a_task_decides_what_is_asked_and_how() -> None:
    decided = {
        "models": ["beta"],
        "sampling": {"temperature": 0.5},
        "tools": [TOOL],
        "tool_choice": "look",
        "stream": True,
    }
    (request,) = _requests(decided, sampling={"max_tokens": 5})
    assert (request.model, request.sampling) == ("beta", Sampling(temperature=0.5))
    assert (request.tools, request.tool_choice, request.stream) == ((AskTool.model_validate(TOOL),), "look", True)
    # The order of keys is that in which a model is shown them.
    assert list(request.tools[0].parameters["properties"]) == ["z", "a"]  # type: ignore[arg-type]  # a mapping


def test_that_what_it_does_not_decide_stays() -> None:
    first, second = _requests({}, sampling={"max_tokens": 5}, tools=[TOOL])
    assert (first.model, second.model, first.sampling.max_tokens, len(first.tools)) == ("alpha", "beta", 5, 1)
    assert not first.stream


def test_that_a_stream_asks_one_model_and_the_others_when_it_fails() -> None:
    life = _life({"stream": True})
    assert answer_next(life, error="unavailable").model == "alpha"
    assert answer_next(life, "Yes").model == "beta"
    assert outcome(life).answer == "Yes"


def test_that_an_answer_is_read_by_its_schema_which_the_messages_do_not_tell() -> None:
    life = _life({"models": ["alpha"], "schema": SCHEMA})
    (request,) = life.open
    assert (request.output_schema, request.tell_schema) == (SCHEMA, True)
    assert list(request.output_schema["properties"]) == ["z", "a"]
    assert [turn.content for turn in request.messages] == ["S", "why?"]
    answer_next(life, "{}")
    assert '"z" is a required property' in answer_next(life, '{"z": 1}').messages[-1].content
    result = outcome(life)
    assert result.answer == {"z": 1}
    assert result.candidates[0].text == '{"z": 1}'


def test_that_a_schema_of_the_workflow_is_told_in_words() -> None:
    (request, _) = _requests({}, schema=SCHEMA)
    assert not request.tell_schema
    assert "JSON Schema" in request.messages[0].content


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"models": ["secret"]}, "overrides.models: secret is not among the step's models"),
        ({"models": []}, "overrides.models: "),
        ({"timeout": 5}, "overrides.timeout: "),
        ({"sampling": {"heat": 1}}, "overrides.sampling: Value error, there is no heat"),
        ({"schema": {"type": "nothing"}}, "overrides.schema: "),
        ({"fusion": {"strategy": "votes"}}, "overrides.fusion: no fusion strategy is called votes"),
        ({"fusion": {"strategy": "vote", "exakt": 1}}, "overrides.fusion: fusion strategy vote: there is no option"),
        ({"fusion": {"strategy": "synthesize", "aggregator": "secret"}}, "secret is not among the step's models"),
        ("no", "overrides: "),
    ],
)
def test_that_what_is_wrong_fails_the_step(overrides: Any, message: str) -> None:
    error = outcome(_life(overrides)).error
    assert error
    assert error.code == "expression"
    assert message in error.message


def test_that_a_task_chooses_how_answers_are_fused() -> None:
    life = _life({"fusion": {"strategy": "vote", "quorum": 2}}, fusion={"strategy": "consensus"})
    assert not any(request.embed for request in life.open)  # a vote needs none
    answer_next(life, "No")
    answer_next(life, "Yes")
    result = outcome(life)
    assert (result.answer, result.fusion, result.agreement) == ("No", "vote", 0.5)
    life = _life({"fusion": {"strategy": "synthesize", "aggregator": "beta"}})
    answer_next(life, "No")
    answer_next(life, "Yes")
    assert answer_next(life, "Perhaps").purpose == "fusion"
    assert outcome(life).answer == "Perhaps"


def test_that_several_answers_are_not_streamed() -> None:
    error = outcome(_life({"stream": True}, fusion={"strategy": "vote"})).error
    assert error
    assert "only one model's answer can be streamed" in error.message


def test_that_a_step_needs_something_to_ask() -> None:
    with pytest.raises(ValueError, match="give a prompt, or messages"):
        Workflow.model_validate({"id": "w", "steps": {"say": {"kind": "ask", "models": ["m"]}}})
    step = {"kind": "ask", "models": ["m"], "messages": "${{ input.turns }}"}
    assert check(Workflow.model_validate({"id": "w", "steps": {"say": step}})) == []
    with_images = {**step, "images": ["https://host.example/a.png"]}
    (finding,) = check(Workflow.model_validate({"id": "w", "steps": {"say": with_images}}))
    assert "go with a prompt" in finding.text
