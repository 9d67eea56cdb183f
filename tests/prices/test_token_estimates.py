from __future__ import annotations

from typing import Any

import pytest

from app.prices.token_estimates import estimate_request_tokens, estimate_tokens, written_text
from topics.model_requests import Image, Message, ModelRequest, Tool, ToolCall

CALL = ToolCall(id="1", name="look", arguments='{"a":1}')


def _asked(*messages: Message, **fields: Any) -> int:
    request = ModelRequest(id="i", task_id="t", step="s", branch="b", model="m", messages=messages, **fields)
    return estimate_request_tokens(request)


@pytest.mark.parametrize(("text", "count"), [("", 0), ("a", 1), ("four", 1), ("fives", 2), ("x" * 4000, 1000)])
def test_that_four_characters_are_a_token(text: str, count: int) -> None:
    assert estimate_tokens(text) == count


def test_that_all_that_is_said_is_read_and_images_by_their_number() -> None:
    said = Message(role="user", content="x" * 40)
    assert _asked(said, said) == 20
    picture = Image(url="data:image/png;base64," + "A" * 100_000)
    assert _asked(said.model_copy(update={"images": (picture, picture)})) == 2010
    answer = Message(role="assistant", content="", tool_calls=(CALL,))
    assert _asked(said, answer) == 10 + estimate_tokens("look" + '{"a":1}')


def test_that_tools_and_a_schema_are_read() -> None:
    said = Message(role="user", content="x" * 40)
    assert _asked(said, tools=(Tool(name="look", description="y" * 400),)) > 110
    assert _asked(said, output_schema={"description": "y" * 400}) > 110


def test_that_calls_are_written() -> None:
    assert written_text("a", "b", [CALL, CALL]) == "ab" + 'look{"a":1}' * 2
