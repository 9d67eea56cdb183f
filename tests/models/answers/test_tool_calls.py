from __future__ import annotations

from typing import Any

import pytest

from app.models.answers.tool_calls import ToolCalls
from topics.model_requests import ToolCall


def made(*fragments: dict[str, Any]) -> tuple[list[ToolCall], set[str]]:
    notes: set[str] = set()
    calls = ToolCalls(notes.add)
    for fragment in fragments:
        calls.add(**fragment)
    return list(calls.made()), notes


def orders(*numbers: str) -> list[ToolCall]:
    return [
        ToolCall(id=f"call_{place}", name="find_order", arguments=f'{{"number": "{number}"}}')
        for place, number in enumerate(numbers)
    ]


def whole(number: str, **fields: Any) -> dict[str, Any]:
    return {"index": 0, "id": "", "name": "find_order", "arguments": f'{{"number": "{number}"}}', **fields}


@pytest.mark.parametrize(
    "fragments",
    [
        [whole("17"), whole("18")],
        [whole("17", id=None), whole("18", id=None)],
        [whole("17", index=None), whole("18", index=None)],
        [whole("17"), whole("18", index=1)],
        [whole("17"), {**whole("18"), "arguments": '{"number": '}, {"index": 0, "arguments": '"18"}'}],
        [
            {**whole(""), "arguments": '{"number": '},
            {"index": 0, "id": "", "name": "", "arguments": '"17"}'},
            whole("18"),
        ],
        [whole("17"), {**whole(""), "arguments": ""}, whole("18")],
        [whole("17"), {"index": 0}, {"index": 0, "name": None, "arguments": None}, whole("18")],
        [{**whole(""), "arguments": {"number": "17"}}, {**whole(""), "arguments": {"number": "18"}}],
        # The name again in each fragment.
        [{**whole(""), "arguments": '{"number"'}, {**whole(""), "arguments": ': "17"}'}, whole("18")],
    ],
)
def test_two_calls_are_two(fragments: list[dict[str, Any]]) -> None:
    assert made(*fragments) == (orders("17", "18"), {"calls"})


@pytest.mark.parametrize("arguments", ['{"a": "}"}', '{"a": "\\\\"}', '{"a": "\\"}"}', '{"a": {"b": [1, {}]}}'])
def test_a_call_is_complete_with_its_last_brace(arguments: str) -> None:
    pieces = [{"index": 0, "name": "f", "arguments": character} for character in arguments]

    assert [call.arguments for call in made(*pieces, {"index": 0, "name": "f", "arguments": "{}"})[0]] == [
        arguments,
        "{}",
    ]


def test_ids_are_kept_and_those_that_stand_twice_are_replaced() -> None:
    calls, notes = made(whole("1", id="a"), whole("2", id="a", index=1), whole("3", id="call_1", index=2))

    assert [call.id for call in calls] == ["a", "call_1", "call_2"]
    assert notes == {"calls"}
    assert made(whole("1", id="a"), whole("2", id="b", index=1))[1] == set()


def test_what_says_nothing_is_not_a_call() -> None:
    assert made({}, {"index": 3}, {"id": "", "name": "", "arguments": ""}) == ([], set())


def test_halves_of_characters_are_joined_across_fragments() -> None:
    calls, notes = made({"id": "a", "name": "f", "arguments": '{"a": "\ud83d'}, {"arguments": '\ude00"}'})

    assert (calls[0].arguments, notes) == ('{"a": "😀"}', {"characters"})
