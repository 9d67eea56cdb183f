from __future__ import annotations

from typing import Any

import pytest

from app.routing.base import HealthSnapshot
from tests.workflows.kinds.run_helpers import answer_all, answer_next, asked, asking, begun, later, outcome
from tests.workflows.simulation import START, Life, answer
from topics.base import Failure
from topics.model_requests import ModelRequest, ToolCall
from topics.model_responses import ModelResponse
from topics.step_requests import StepRequest

SCHEMA = {"type": "object", "required": ["kind"], "properties": {"kind": {"enum": ["refund", "other"]}}}


def test_that_a_model_that_fails_is_replaced_by_the_next() -> None:
    life = begun({"say": asking("alpha", "beta", "delta", routing={"policy": "fixed", "choose": 1})})
    assert asked(life) == ["t/say/alpha/1"]
    answer_next(life, error="unavailable")
    assert asked(life) == ["t/say/beta/1"]
    answer_next(life, "Yes")
    result = outcome(life)
    assert (result.answer, result.degraded) == ("Yes", True)
    assert [(one.model, one.chosen) for one in result.candidates] == [("alpha", False), ("beta", True)]


def test_that_no_model_is_replaced_when_the_workflow_says_so() -> None:
    life = begun({"say": asking("alpha", "beta", routing={"policy": "fixed", "choose": 1, "fall_back": False})})
    answer_next(life, error="unavailable")
    assert outcome(life).status == "failed"


def test_that_a_policy_sees_health_and_its_reason_is_reported() -> None:
    routing = [{"policy": "healthy"}, {"policy": "fixed", "choose": 1}]
    life = begun({"first": asking("alpha"), "say": asking("alpha", "beta", after=["first"], routing=routing)})
    life.health["alpha"] = HealthSnapshot(open_until=START + 1000)
    answer_next(life)
    assert asked(life) == ["t/say/beta/1"]
    answer_next(life)
    assert "alpha" in outcome(life).steps[1].reason


def test_that_a_cascade_goes_on_to_the_stronger_model_whose_answer_then_counts() -> None:
    routing = {"policy": "cascade", "check": "answer != 'No'"}
    life = begun({"say": asking("alpha", "beta", routing=routing)})
    assert asked(life) == ["t/say/alpha/1"]
    answer_next(life, "No")
    assert asked(life) == ["t/say/beta/1"]
    answer_next(life, "Yes")
    assert (outcome(life).answer, outcome(life).degraded) == ("Yes", False)


def test_that_a_cascade_answers_with_the_weaker_model_when_the_stronger_one_fails() -> None:
    life = begun({"say": asking("alpha", "beta", routing={"policy": "cascade", "check": "answer != 'No'"})})
    answer_next(life, "No")
    answer_next(life, error="unavailable")
    assert (outcome(life).answer, outcome(life).degraded) == ("No", True)


def test_that_a_policy_is_given_what_it_looks_up() -> None:
    routing = {"policy": "semantic", "choose": 1, "examples": {"alpha": ["hello"], "beta": ["goodbye"]}}
    life = begun({"say": asking("alpha", "beta", routing=routing)})
    (lookup,) = life.open
    assert isinstance(lookup, StepRequest)
    assert lookup.connector == "similarity"
    assert lookup.arguments["text"] == "why?"
    life.open.clear()
    answered = {"id": lookup.id, "task_id": "t", "step": "say", "output": {"alpha": 0.1, "beta": 0.9}}
    life.give(_step_result(answered))
    assert asked(life) == ["t/say/beta/1"]


def _step_result(fields: dict[str, Any]) -> Any:
    from topics.step_results import StepResult  # noqa: PLC0415  # one test's

    return StepResult.model_validate(fields)


def test_that_samples_ask_each_model_so_often_and_differ_by_their_seeds() -> None:
    life = begun({"say": asking(samples=3, fusion={"strategy": "vote"}, sampling={"seed": 7})})
    assert asked(life) == ["t/say/alpha#1/1", "t/say/alpha#2/1", "t/say/alpha#3/1"]
    assert [request.sampling.seed for request in life.open if isinstance(request, ModelRequest)] == [8, 9, 10]
    answers = iter(("No", "Yes", "Yes"))
    answer_all(life, lambda _: next(answers))
    result = outcome(life)
    assert (result.answer, result.groups) == ("Yes", (("alpha#2", "alpha#3"), ("alpha#1",)))
    assert {candidate.model for candidate in result.candidates} == {"alpha"}


def test_that_json_that_does_not_fit_is_repaired_by_the_model_that_said_it() -> None:
    life = begun({"say": asking(schema=SCHEMA, repairs=2)})
    (first,) = life.open
    assert isinstance(first, ModelRequest)
    assert first.messages[0].role == "system"
    assert '"enum": ["refund", "other"]' in first.messages[0].content
    answer_next(life, "It is a refund.")
    assert asked(life) == ["t/say/alpha/1.1"]
    answer_next(life, '{"kind": "refunds"}')
    (again,) = life.open
    assert isinstance(again, ModelRequest)
    assert again.id == "t/say/alpha/1.2"
    assert [message.role for message in again.messages] == ["system", "user", "assistant", "user"]
    assert "refunds" in again.messages[3].content
    answer_next(life, '```json\n{"kind": "refund"}\n```')
    result = outcome(life)
    assert (result.answer, result.degraded) == ({"kind": "refund"}, False)
    assert result.usage.input_tokens == 6


def test_that_json_that_stays_wrong_fails_the_step_and_says_what_is_wrong() -> None:
    life = begun({"say": asking(schema=SCHEMA, repairs=1)})
    answer_next(life, "{")
    answer_next(life, "{")
    error = outcome(life).error
    assert error
    assert (error.code, "not valid JSON" in error.message) == ("invalid_output", True)
    assert outcome(life).candidates[0].text == "{"


JUDGED = {"strategy": "best-of-n", "judge": "judge"}


def test_that_a_fusion_asks_its_judge_and_the_answers_that_are_late_do_not_count() -> None:
    life = begun({"say": asking("alpha", "beta", fusion=JUDGED)})
    answer_next(life, "Yes")
    answer_next(life, "No")
    calls = [request for request in life.open if isinstance(request, ModelRequest)]
    assert {call.purpose for call in calls} == {"fusion"}
    assert {call.model for call in calls} == {"judge"}
    assert all(call.id.startswith("t/say/!fusion:") and call.id.endswith("/1") for call in calls)
    assert any("why?" in call.messages[-1].content for call in calls)
    while life.open:
        answer_next(life, "?")
    assert outcome(life).status == "succeeded"
    assert outcome(life).usage.output_tokens == 2 + len(calls)


def test_that_a_fusion_does_with_what_it_has_when_its_judge_fails_or_is_late() -> None:
    for silent in (False, True):
        life = begun({"say": asking("alpha", "beta", fusion=JUDGED, timeout=10)})
        answer_next(life, "Yes")
        answer_next(life, "No")
        if silent:
            later(life, 10)
        while life.open and not silent:
            answer_next(life, error="unavailable")
        assert outcome(life).status == "succeeded"


def test_that_a_fusion_goes_on_after_a_restart() -> None:
    life = begun({"say": asking("alpha", "beta", fusion=JUDGED)})
    answer_next(life, "Yes")
    answer_next(life, "No")
    life.restart()
    while life.open:
        answer_next(life, "A")
    assert outcome(life).status == "succeeded"


@pytest.mark.parametrize(("cache", "samples", "expected"), [(None, 1, None), (60, 1, 60.0), (60, 2, None)])
def test_that_requests_say_how_old_an_answer_may_be(cache: int | None, samples: int, expected: float | None) -> None:
    life = begun({"say": asking(cache=cache, samples=samples)})
    assert {request.cache_for for request in life.open if isinstance(request, ModelRequest)} == {expected}


@pytest.mark.parametrize("samples", [1, 2])
def test_that_requests_say_how_near_in_meaning_another_question_may_be(samples: int) -> None:
    life = begun({"say": asking(cache={"for": "1m", "similar": 0.9, "namespace": "faq"}, samples=samples)})
    expected = (60.0, 0.9, "faq") if samples == 1 else (None, None, "")
    asked = {(one.cache_for, one.cache_similar, one.cache_in) for one in life.open if isinstance(one, ModelRequest)}
    assert asked == {expected}


def test_that_requests_have_the_priority_of_the_task_or_else_of_the_workflow() -> None:
    for task, expected in (({}, 3), ({"priority": -1}, -1)):
        life = begun({"say": asking()}, task=task, priority=3)
        assert [request.priority for request in life.open if isinstance(request, ModelRequest)] == [expected]


def test_that_a_step_for_which_no_model_qualifies_fails_and_says_why() -> None:
    life = begun({"say": asking("alpha", routing=[{"policy": "capability", "tags": ["code"]}])})
    error = outcome(life).error
    assert error
    assert error.code == "no_model"


def test_that_answers_that_come_too_late_to_count_are_paid_for() -> None:
    steps = {
        "say": asking("alpha", "beta", "delta", fusion={"strategy": "vote"}),
        "pause": {"kind": "wait", "for": 5.0},
    }
    life = begun(steps, answer="say")
    late = life.open[2]
    answer_next(life)
    answer_next(life)
    life.give(answer(late, "No"))
    life.give(answer(late, "No"))
    later(life, 5)
    result = outcome(life)
    assert (result.answer, result.degraded, len(result.candidates)) == ("Yes", False, 2)
    assert result.usage.input_tokens == 6


def test_that_an_answer_that_python_can_read_and_nobody_write_is_repaired() -> None:
    life = begun({"say": asking(schema={"type": "object"})})
    answer_next(life, '{"kind": "\\ud800"}')
    assert asked(life) == []
    assert outcome(life).answer == {"kind": "\ufffd"}


# --- streams, tools, and what else can be asked for ---------------------------------------------------------

TOOL = {"name": "search", "description": "Find", "parameters": {"type": "object"}}
CALL = ToolCall(id="c1", name="search", arguments='{"q": "ink"}')


def _request(life: Life) -> ModelRequest:
    request = life.open.pop(0)
    assert isinstance(request, ModelRequest)
    return request


def _answered(life: Life, **fields: Any) -> None:
    """Answer the oldest open request with these fields."""
    response = answer(_request(life))
    assert isinstance(response, ModelResponse)
    life.give(response.model_copy(update=fields))


def _cut_off(life: Life, text: str) -> None:
    _answered(life, text=text, error=Failure(code="unavailable", message="cut off"))


def test_that_a_request_says_all_that_the_step_asks_for() -> None:
    life = begun(
        {"say": asking(tools=[TOOL], tool_choice="search", downgrade=["seed"], stream=True)},
        task={"tenant": "acme"},
    )
    request = _request(life)
    assert [tool.model_dump() for tool in request.tools] == [TOOL]
    assert (request.tool_choice, request.downgrade, request.stream, request.prefix) == ("search", ("seed",), True, "")
    assert (request.tenant, request.workflow) == ("acme", "w")
    assert ModelRequest.model_validate_json(request.to_json()).tools[0].name == "search"


def test_that_a_step_that_streams_asks_one_model_and_the_next_goes_on_where_it_was_cut_off() -> None:
    life = begun({"say": asking("alpha", "beta", "delta", stream=True)})
    assert asked(life) == ["t/say/alpha/1"]
    _cut_off(life, "One tw")
    assert [(one.id, one.prefix) for one in life.open if isinstance(one, ModelRequest)] == [("t/say/beta/1", "One tw")]
    answer_next(life, error="rate_limited")  # without a single piece
    request = _request(life)
    assert (request.id, request.prefix) == ("t/say/delta/1", "One tw")
    life.give(answer(request, "o"))
    assert outcome(life).answer == "One two"
    assert [(one.model, one.text, one.chosen) for one in outcome(life).candidates] == [
        ("alpha", "One tw", False),
        ("beta", "One tw", False),
        ("delta", "One two", True),
    ]


def test_that_another_attempt_at_the_step_goes_on_too() -> None:
    life = begun({"say": asking("alpha", stream=True, retry={"attempts": 3, "backoff": 0.5})})
    _cut_off(life, "One")
    for attempt in (2, 3):
        life.restart()
        later(life, 1.0)
        request = _request(life)
        assert (request.id, request.prefix) == (f"t/say/alpha/{attempt}", "One")
        life.give(answer(request, " two", error=None if attempt == 3 else "unavailable"))
    assert outcome(life).answer == "One two"


@pytest.mark.parametrize("fields", [{"schema": SCHEMA}, {"tools": [TOOL]}])
def test_that_what_has_a_form_starts_over(fields: dict[str, Any]) -> None:
    life = begun({"say": asking("alpha", "beta", stream=True, **fields)})
    _cut_off(life, '{"kind":')
    assert _request(life).prefix == ""


def test_that_what_is_not_streamed_starts_over() -> None:
    life = begun({"say": asking("alpha", "beta", routing={"policy": "fixed", "choose": 1})})
    _cut_off(life, "half")
    assert _request(life).prefix == ""


@pytest.mark.parametrize("fields", [{}, {"schema": SCHEMA}], ids=["text", "data"])
def test_that_an_answer_that_is_only_calls_of_tools_is_a_success(fields: dict[str, Any]) -> None:
    wanted = {"kind": "transform", "value": "steps.say.tool_calls.map(one, one.name + ' ' + one.arguments.q)"}
    life = begun({"say": asking(tools=[TOOL], **fields), "wanted": wanted}, answer="wanted")
    _answered(life, text="", finish_reason="tool_calls", tool_calls=(CALL,))
    assert (outcome(life).status, outcome(life).answer) == ("succeeded", ["search ink"])
    assert outcome(life).tool_calls is None  # the answer step's


def test_that_the_result_has_the_calls_and_reasoning_of_the_answer() -> None:
    life = begun({"say": asking("alpha", "beta", tools=[TOOL])})
    _answered(life, text="", tool_calls=(CALL,), reasoning="hm", downgraded=("seed",))
    result = outcome(life)
    assert (result.answer, result.tool_calls) == ("", (CALL,))
    (candidate,) = result.candidates
    assert (candidate.tool_calls, candidate.reasoning, candidate.downgraded) == ((CALL,), "hm", ("seed",))


def test_that_a_result_without_any_of_it_does_not_grow() -> None:
    life = begun({"say": asking()})
    answer_next(life)
    assert not any(name in outcome(life).to_json() for name in (b'"tool_calls"', b'"reasoning"', b'"downgraded"'))


def test_that_calls_of_a_fusion_say_who_pays() -> None:
    fusion = {"strategy": "best-of-n", "judge": "judge"}
    life = begun({"say": asking("alpha", "beta", fusion=fusion)}, task={"tenant": "acme"})
    for text in ("One", "Two"):
        answer_next(life, text)
    request = _request(life)
    assert (request.purpose, request.tenant, request.workflow) == ("fusion", "acme", "w")
