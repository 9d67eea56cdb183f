"""Build requests of Anthropic's Messages API."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from app.errors import InvalidRequest
from app.models.anthropic.json_schema import supported_schema
from app.models.base import Prompt
from topics.model_requests import Image, Message, Sampling, Tool, ToolCall

#: The API requires a limit. Thinking counts towards it.
_DEFAULT_MAX_TOKENS = 1024
_DEFAULT_MAX_TOKENS_WITH_REASONING = 16_384

#: The API has no `minimal`.
_EFFORT = {"minimal": "low", "low": "low", "medium": "medium", "high": "high"}
_CHOICES = {"auto": "auto", "none": "none", "required": "any"}


def request_body(prompt: Prompt, sampling: Sampling) -> dict[str, Any]:
    """Return the request's body without the name of the model; `sampling` includes the defaults.

    Raises:
        InvalidRequest: the temperature is higher than the API accepts.
    """
    system = "\n\n".join(turn.content for turn in prompt.messages if turn.role == "system")
    output = _output(prompt, sampling)
    return {
        "max_tokens": sampling.max_tokens
        or (_DEFAULT_MAX_TOKENS_WITH_REASONING if sampling.reasoning_effort else _DEFAULT_MAX_TOKENS),
        "messages": list(_turns([turn for turn in prompt.messages if turn.role != "system"])),
        **_randomness(sampling),
        **({"system": system} if system else {}),
        **({"stop_sequences": list(sampling.stop)} if sampling.stop else {}),
        # Newer models think, but do not show it unless asked to.
        **({"thinking": {"type": "adaptive", "display": "summarized"}} if sampling.reasoning_effort else {}),
        **({"output_config": output} if output else {}),
        **(_tools(prompt) if prompt.tools else {}),
    }


def _randomness(sampling: Sampling) -> dict[str, Any]:
    if sampling.temperature is not None and sampling.temperature > 1:
        raise InvalidRequest(
            f"temperature {sampling.temperature} is more than 1, the maximum of Anthropic's models",
            provider="anthropic",
        )
    return sampling.model_dump(exclude_none=True, include={"temperature", "top_p"})


def _output(prompt: Prompt, sampling: Sampling) -> dict[str, Any]:
    output: dict[str, Any] = {}
    if sampling.reasoning_effort:
        output["effort"] = _EFFORT[sampling.reasoning_effort]
    if prompt.schema is not None and (schema := supported_schema(prompt.schema)) is not None:
        output["format"] = {"type": "json_schema", "schema": schema}
    return output


def _tools(prompt: Prompt) -> dict[str, Any]:
    choice = _CHOICES.get(prompt.tool_choice)
    return {
        "tools": [_tool(tool) for tool in prompt.tools],
        "tool_choice": {"type": choice} if choice else {"type": "tool", "name": prompt.tool_choice},
    }


def _tool(tool: Tool) -> dict[str, Any]:
    described = {"description": tool.description} if tool.description else {}
    return {"name": tool.name, **described, "input_schema": tool.parameters}


def _turns(spoken: Sequence[Message]) -> Iterator[dict[str, Any]]:
    for role, turns in groupby(spoken, key=lambda turn: turn.role):
        if role == "tool":  # the API requires the results of all calls of one turn in one turn
            yield {"role": "user", "content": [_result(turn) for turn in turns]}
        else:
            yield from ({"role": role, "content": _content(turn)} for turn in turns)


def _result(turn: Message) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": turn.tool_call_id or "", "content": turn.content}


def _content(turn: Message) -> str | list[dict[str, Any]]:
    if not turn.images and not turn.tool_calls:
        return turn.content
    text = [{"type": "text", "text": turn.content}] if turn.content else []  # an empty block is refused
    return [*(_image(image) for image in turn.images), *text, *(_tool_use(call) for call in turn.tool_calls)]


def _image(image: Image) -> dict[str, Any]:
    if not image.url.startswith("data:"):
        return {"type": "image", "source": {"type": "url", "url": image.url}}
    kind, _, data = image.url.removeprefix("data:").partition(";base64,")
    return {"type": "image", "source": {"type": "base64", "media_type": kind, "data": data}}


def _tool_use(call: ToolCall) -> dict[str, Any]:
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": _arguments(call.arguments)}


def _arguments(written: str) -> dict[str, Any]:
    try:
        arguments = json.loads(written or "{}")
    except ValueError:
        arguments = None
    # The API accepts only an object, and the model should see its invalid arguments.
    return arguments if isinstance(arguments, dict) else {"INVALID_JSON": written}
