from __future__ import annotations

import json
from typing import Any

import pytest

from app.models.base import Prompt
from app.models.scripted.script import Rule, ScriptedReply, reply_to
from topics.model_requests import Message, Tool, ToolCall

WEATHER, STOCKS = Tool(name="weather"), Tool(name="stocks")
CALLS = {
    "pattern": r"weather in (?P<city>\w+)",
    "calls": [{"tool": "weather", "arguments": {"city": "$city", "days": 2, "units": ["of $city", {"deep": "$city"}]}}],
}
TELLS = {"pattern": r"weather in (?P<city>\w+)", "answer": "$city: $result"}


def follow(prompt: Prompt, *rules: dict[str, Any], reasoning: str = "") -> ScriptedReply:
    parsed = [Rule.model_validate(rule) for rule in rules]
    return reply_to(prompt, parsed, {"tea": "Yes, please."}, default="no idea", reasoning=reasoning)


def ask(text: str, *tools: Tool, choice: str = "auto", more: tuple[Message, ...] = ()) -> Prompt:
    return Prompt((Message(role="user", content=text), *more), tools=tools, tool_choice=choice)


def test_a_rule_calls_a_tool_with_what_its_pattern_found() -> None:
    (call,) = follow(ask("the weather in Rome", WEATHER), CALLS).calls

    assert (call.id, call.name) == ("call-1", "weather")
    assert json.loads(call.arguments) == {"city": "Rome", "days": 2, "units": ["of Rome", {"deep": "Rome"}]}


def test_quotes_in_what_was_found_do_not_break_the_arguments() -> None:
    rule = {"pattern": "say (?P<what>.+)", "calls": [{"tool": "weather", "arguments": {"what": "$what"}}]}
    (call,) = follow(ask('say "hi"\\', WEATHER), rule).calls

    assert json.loads(call.arguments) == {"what": '"hi"\\'}


def test_after_the_result_the_next_rule_tells_it_and_a_later_call_has_another_id() -> None:
    called = Message(role="assistant", content="", tool_calls=(ToolCall(id="call-1", name="weather"),))
    told = Message(role="tool", content="sunny", tool_call_id="call-1")
    again = Message(role="user", content="and the weather in Oslo")

    assert follow(ask("the weather in Rome", WEATHER, more=(called, told)), CALLS, TELLS) == ScriptedReply(
        "Rome: sunny"
    )
    (call,) = follow(ask("hello", WEATHER, more=(called, told, again)), CALLS, TELLS).calls
    assert (call.id, json.loads(call.arguments)["city"]) == ("call-2", "Oslo")


@pytest.mark.parametrize(
    ("tools", "choice"), [((), "auto"), ((STOCKS,), "auto"), ((WEATHER,), "none"), ((WEATHER, STOCKS), "stocks")]
)
def test_a_rule_does_not_call_what_may_not_be_called(tools: tuple[Tool, ...], choice: str) -> None:
    given = follow(ask("the weather in Rome", *tools, choice=choice), CALLS)

    assert "weather" not in {call.name for call in given.calls}


@pytest.mark.parametrize(("choice", "name"), [("required", "weather"), ("stocks", "stocks")])
def test_a_tool_that_must_be_called_is_though_no_rule_says_so(choice: str, name: str) -> None:
    speaks = {"pattern": "tea", "answer": "Yes."}

    assert follow(ask("tea?", WEATHER, STOCKS, choice=choice), speaks) == ScriptedReply(
        "", calls=(ToolCall(id="call-1", name=name, arguments="{}"),)
    )


def test_a_rule_may_speak_and_think_while_it_calls() -> None:
    rule = CALLS | {"answer": "A moment.", "reasoning": "$city is in Italy"}
    given = follow(ask("the weather in Rome", WEATHER), rule, reasoning="hm")

    assert (given.text, given.reasoning, len(given.calls)) == ("A moment.", "Rome is in Italy", 1)
    assert follow(ask("some tea?"), rule, reasoning="hm") == ScriptedReply("Yes, please.", "hm")
