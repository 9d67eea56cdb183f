"""The script of a fake model: rules, answers by a part of the question, and a default."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from string import Template

from pydantic import Field, JsonValue

from app.models.base import Prompt
from app.settings import Section
from topics.model_requests import ToolCall

#: Values of `tool_choice` that are not the name of a tool.
_TOOL_CHOICES = frozenset({"auto", "none", "required"})


class ScriptedToolCall(Section):
    """A tool call; `$name` in a string of its arguments stands for the pattern's group of that name."""

    tool: str
    arguments: dict[str, JsonValue] = Field(default_factory=dict)


class Rule(Section):
    """The reply if the regular expression `pattern` is found.

    `$name` stands for the pattern's group of that name, and `$result` for what the last tool returned. A rule with
    `calls` applies only to a prompt that has these tools, and not right after a tool's result.
    """

    pattern: re.Pattern[str]
    answer: str = ""
    reasoning: str | None = None
    calls: tuple[ScriptedToolCall, ...] = ()


@dataclass(frozen=True, slots=True)
class ScriptedReply:
    """The text, reasoning and tool calls of a reply."""

    text: str
    reasoning: str = ""
    calls: tuple[ToolCall, ...] = ()


def reply_to(
    prompt: Prompt, rules: Sequence[Rule], answers: Mapping[str, str], *, default: str | None, reasoning: str
) -> ScriptedReply:
    """Return the reply of the first matching one of `rules`, else of `answers`, else `default`.

    Rules are matched against all messages of the user, as one text, so that a repeated question after a malformed
    answer can be told from the first one. `answers` are searched for in the last message.
    """
    said = [message.content for message in prompt.messages if message.role == "user"]
    conversation, asked = "\n\n".join(said), said[-1] if said else ""
    for rule in rules:
        if (found := rule.pattern.search(conversation)) and _matches(rule, prompt):
            return _reply_from(rule, found, prompt, reasoning)
    if forced := _forced(prompt):
        return ScriptedReply("", reasoning, (_call(prompt, 0, forced, {}),))
    otherwise = asked if default is None else default
    return ScriptedReply(next((text for piece, text in answers.items() if piece in asked), otherwise), reasoning)


def _matches(rule: Rule, prompt: Prompt) -> bool:
    called = {call.tool for call in rule.calls}
    if not called:
        return _forced(prompt) is None
    if prompt.messages[-1].role == "tool" or prompt.tool_choice == "none":
        return False
    return called <= {tool.name for tool in prompt.tools} and (
        prompt.tool_choice in _TOOL_CHOICES or called == {prompt.tool_choice}
    )


def _forced(prompt: Prompt) -> str | None:
    """Return the tool that must be called."""
    if not prompt.tools or prompt.tool_choice in {"auto", "none"}:
        return None
    return prompt.tools[0].name if prompt.tool_choice == "required" else prompt.tool_choice


def _reply_from(rule: Rule, found: re.Match[str], prompt: Prompt, reasoning: str) -> ScriptedReply:
    result = next((message.content for message in reversed(prompt.messages) if message.role == "tool"), "")
    groups = {"result": result} | found.groupdict(default="")
    calls = tuple(
        _call(prompt, number, call.tool, _substituted(call.arguments, groups)) for number, call in enumerate(rule.calls)
    )
    reasoning_text = reasoning if rule.reasoning is None else _substituted(rule.reasoning, groups)
    return ScriptedReply(str(_substituted(rule.answer, groups)), str(reasoning_text), calls)


def _call(prompt: Prompt, number: int, tool: str, arguments: JsonValue) -> ToolCall:
    before = sum(len(message.tool_calls) for message in prompt.messages)
    return ToolCall(id=f"call-{before + number + 1}", name=tool, arguments=json.dumps(arguments, ensure_ascii=False))


def _substituted(value: JsonValue, groups: Mapping[str, str]) -> JsonValue:
    if isinstance(value, str):
        return Template(value).safe_substitute(groups)
    if isinstance(value, list):
        return [_substituted(item, groups) for item in value]
    return dict(_items(value, groups)) if isinstance(value, dict) else value


def _items(value: Mapping[str, JsonValue], groups: Mapping[str, str]) -> Iterator[tuple[str, JsonValue]]:
    return ((key, _substituted(item, groups)) for key, item in value.items())
