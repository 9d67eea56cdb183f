"""Build requests of Chat Completions, for OpenAI and compatible servers."""

from __future__ import annotations

from typing import Any

from app.models.base import Features, Prompt
from app.models.http.errors import ErrorTranslator
from app.models.openai import json_schema
from app.models.openai.chat_answer import ChatAssembler
from topics.model_requests import Message, Sampling, Tool

_SAME_NAMES = {"temperature", "top_p", "stop", "reasoning_effort"}


class Chat:
    """The dialect of Chat Completions; servers differ in the names of some fields.

    A server without `usage_option` reports usage in a stream by itself, and refuses the option.
    """

    lacking: Features = frozenset()
    path = "/chat/completions"

    def __init__(self, *, max_tokens: str = "max_tokens", seed: str = "seed", usage_option: bool = True) -> None:
        self._names = {"max_tokens": max_tokens, "seed": seed}
        self._usage_option = usage_option

    def body(self, model: str, prompt: Prompt, sampling: Sampling) -> dict[str, Any]:
        """Return the request for a complete answer."""
        body: dict[str, Any] = {"model": model, "messages": [_turn(message) for message in prompt.messages]}
        body |= self._sampling(sampling)
        if prompt.tools:
            body |= {"tools": [_tool(tool) for tool in prompt.tools], **_choice(prompt.tool_choice)}
        if prompt.schema is not None and json_schema.is_supported(prompt.schema):
            form = json_schema.response_form(prompt.schema)
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        return body

    def streamed(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the same request for a stream."""
        usage = {"stream_options": {"include_usage": True}} if self._usage_option else {}
        return {**body, "stream": True, **usage}

    def assembler(self, errors: ErrorTranslator) -> ChatAssembler:
        """Return the assembler of one answer, whole or streamed."""
        return ChatAssembler(errors)

    def _sampling(self, sampling: Sampling) -> dict[str, Any]:
        fields = sampling.model_dump(exclude_defaults=True, include=_SAME_NAMES)
        for ours, theirs in self._names.items():
            if (value := getattr(sampling, ours)) is not None:
                fields[theirs] = value
        if sampling.logprobs is not None:
            fields |= {"logprobs": True, **({"top_logprobs": sampling.logprobs} if sampling.logprobs else {})}
        return fields


def _turn(message: Message) -> dict[str, Any]:
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.tool_call_id, "content": message.content}
    if message.tool_calls:
        calls = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
        return {"role": message.role, "content": message.content or None, "tool_calls": calls}
    if message.images:
        return {"role": message.role, "content": _parts(message)}
    return {"role": message.role, "content": message.content}


def _parts(message: Message) -> list[dict[str, Any]]:
    text = [{"type": "text", "text": message.content}] if message.content else []
    return [*text, *({"type": "image_url", "image_url": {"url": image.url}} for image in message.images)]


def _tool(tool: Tool) -> dict[str, Any]:
    return {"type": "function", "function": tool.model_dump(include={"name", "description", "parameters"})}


def _choice(choice: str) -> dict[str, Any]:
    if choice == "auto":  # the default, and not every server knows the field
        return {}
    named = choice not in {"none", "required"}
    return {"tool_choice": {"type": "function", "function": {"name": choice}} if named else choice}
