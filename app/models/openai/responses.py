"""Build requests of OpenAI's Responses API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from app.models.base import Features, Prompt
from app.models.http.errors import ErrorTranslator
from app.models.openai import json_schema
from app.models.openai.responses_answer import ResponsesAssembler
from topics.model_requests import Message, Sampling, Tool


class Responses:
    """The dialect of Responses. Nothing is stored at the provider: the whole conversation is sent each time."""

    lacking: Features = frozenset({"seed", "stop"})
    path = "/responses"

    def body(self, model: str, prompt: Prompt, sampling: Sampling) -> dict[str, Any]:
        """Return the request for a complete answer."""
        turns = [item for message in prompt.messages for item in _items(message)]
        body = {"model": model, "input": turns, "store": False, **_sampling(sampling)}
        if prompt.tools:
            body |= {"tools": [_tool(tool) for tool in prompt.tools], **_choice(prompt.tool_choice)}
        if prompt.schema is not None and json_schema.is_supported(prompt.schema):
            form = json_schema.response_form(prompt.schema)
            body["text"] = {"format": {"type": "json_schema", **form}}
        return body

    def streamed(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the same request for a stream."""
        return {**body, "stream": True}

    def assembler(self, errors: ErrorTranslator) -> ResponsesAssembler:
        """Return the assembler of one answer, whole or streamed."""
        return ResponsesAssembler(errors)


def _sampling(sampling: Sampling) -> dict[str, Any]:
    fields = sampling.model_dump(exclude_defaults=True, include={"temperature", "top_p"})
    if sampling.max_tokens is not None:
        fields["max_output_tokens"] = sampling.max_tokens
    if sampling.reasoning_effort is not None:
        fields["reasoning"] = {"effort": sampling.reasoning_effort}
    if sampling.logprobs is not None:
        fields |= {"include": ["message.output_text.logprobs"], "top_logprobs": sampling.logprobs}
    return fields


def _items(message: Message) -> Iterator[dict[str, Any]]:
    """Yield the items of one turn: text, tool calls and their results are separate items."""
    if message.role == "tool":
        yield {"type": "function_call_output", "call_id": message.tool_call_id, "output": message.content}
        return
    if message.images:
        yield {"role": message.role, "content": _parts(message)}
    elif message.content or not message.tool_calls:
        yield {"role": message.role, "content": message.content}
    for call in message.tool_calls:
        yield {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments}


def _parts(message: Message) -> list[dict[str, Any]]:
    text = [{"type": "input_text", "text": message.content}] if message.content else []
    images = ({"type": "input_image", "image_url": image.url, "detail": "auto"} for image in message.images)
    return [*text, *images]


def _tool(tool: Tool) -> dict[str, Any]:
    # The default would be strict, which refuses a schema that is not made for it.
    strict = json_schema.strict_schema(tool.parameters)
    return {
        "type": "function",
        "strict": strict,
        **tool.model_dump(include={"name", "description", "parameters"}),
    }


def _choice(choice: str) -> dict[str, Any]:
    if choice == "auto":
        return {}
    return {"tool_choice": choice if choice in {"none", "required"} else {"type": "function", "name": choice}}
