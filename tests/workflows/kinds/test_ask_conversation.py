from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.workflows.kinds.ask_images import MAX_IMAGES
from tests.workflows.kinds.run_helpers import answer_next, begun, outcome
from topics.model_requests import Message, ModelRequest

PHOTO = {"url": "https://host.example/a.png"}
TURNS: list[dict[str, Any]] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Look.", "images": [PHOTO]},
    {"role": "assistant", "content": "", "tool_calls": [{"id": "c", "name": "look", "arguments": '{"z":1,"a":2}'}]},
    {"role": "tool", "content": "{{ not a template }}", "tool_call_id": "c"},
    {"role": "user", "content": "${{ nor.a.value }}"},
]


def _step(**fields: Any) -> dict[str, Any]:
    return {"say": {"kind": "ask", "models": ["alpha"], "messages": "${{ input.turns }}", **fields}}


def _asked(turns: Any, **fields: Any) -> tuple[Message, ...]:
    life = begun(_step(**fields), task={"input": {"question": "why?", "turns": turns}})
    (request,) = life.open
    assert isinstance(request, ModelRequest)
    return request.messages


def test_that_a_conversation_is_passed_on_as_it_is() -> None:
    assert _asked(TURNS) == tuple(Message.model_validate(turn) for turn in TURNS)


turns = st.lists(
    st.one_of(
        st.fixed_dictionaries({"role": st.sampled_from(["system", "user"]), "content": st.text(max_size=20)}),
        st.fixed_dictionaries(
            {
                "role": st.just("assistant"),
                "content": st.text(max_size=20),
                "tool_calls": st.lists(
                    st.fixed_dictionaries({"id": st.text(min_size=1), "name": st.text(), "arguments": st.text()}),
                    max_size=2,
                ),
            }
        ),
        st.fixed_dictionaries({"role": st.just("tool"), "content": st.text(max_size=20), "tool_call_id": st.text()}),
    ),
    min_size=1,
    max_size=5,
)


@given(turns)
def test_that_any_conversation_is(some: list[dict[str, Any]]) -> None:
    assert _asked(some) == tuple(Message.model_validate(turn) for turn in some)


def test_that_the_prompt_comes_after_it_and_what_the_system_says_before() -> None:
    said = _asked(TURNS[:2], system="Rules.", prompt="{{ input.question }}")
    assert [turn.content for turn in said] == ["Rules.", "Be brief.", "Look.", "why?"]


def test_that_messages_can_be_written_in_the_workflow() -> None:
    written = [{"role": "user", "content": "Say ${{ input.question }}"}]
    life = begun(_step(messages=written), task={"input": {"question": "why?"}})
    (request,) = life.open
    assert isinstance(request, ModelRequest)
    assert request.messages == (Message(role="user", content="Say why?"),)


@pytest.mark.parametrize(
    ("turns", "message"),
    [
        ("secret", "messages must be a list, not str"),
        ([], "messages: there are none"),
        ([{"role": "secret", "content": ""}], "messages.0.role: "),
        ([{"role": "user"}], "messages.0.content: "),
        ([TURNS[0], "secret"], "messages.1: "),
        ([{"role": "user", "content": "", "images": [PHOTO] * (MAX_IMAGES + 1)}], "17 images are too many"),
    ],
)
def test_that_what_is_no_conversation_fails_the_step_and_is_not_quoted(turns: Any, message: str) -> None:
    life = begun(_step(), task={"input": {"turns": turns}})
    error = outcome(life).error
    assert error
    assert error.code == "expression"
    assert message in error.message
    assert "secret" not in error.message


def test_that_a_judge_reads_the_whole_conversation() -> None:
    fusion = {"strategy": "best-of-n", "judge": "beta"}
    life = begun(
        _step(models=["alpha", "beta"], fusion=fusion),
        task={"input": {"turns": [TURNS[0], {"role": "user", "content": "One?"}, {"role": "user", "content": "Two?"}]}},
    )
    for text in ("A", "B"):
        answer_next(life, text)
    request = life.open[0]
    assert isinstance(request, ModelRequest)
    assert request.purpose == "fusion"
    whole = "".join(turn.content for turn in request.messages)
    assert "user: One?" in whole
    assert "user: Two?" in whole
