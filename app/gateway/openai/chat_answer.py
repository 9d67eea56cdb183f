"""Results as Chat Completions has them, whole and in pieces."""

from __future__ import annotations

from typing import Any

from app.gateway.answers.chat_tasks import ChatTask
from app.gateway.answers.reading import chosen_candidate, content, extension, is_cut, model_name
from topics.model_requests import ToolCall
from topics.model_responses import TokenLogprob, Usage
from topics.results import Result

Json = dict[str, Any]


def completion(chat: ChatTask, result: Result) -> Json:
    """Return a whole answer."""
    message: Json = {"role": "assistant", "content": content(result) or None, "refusal": None}
    chosen = chosen_candidate(result)
    if result.tool_calls:
        message["tool_calls"] = [call(one) for one in result.tool_calls]
    else:
        message["content"] = content(result)
    if chosen and chosen.reasoning:
        message["reasoning_content"] = chosen.reasoning
    logprobs = {"logprobs": token_logprobs(chosen.logprobs) if chosen and chosen.logprobs is not None else None}
    choice = {"index": 0, "message": message, "finish_reason": finish_reason(result), **logprobs}
    head = {"id": chat_id(chat), "object": "chat.completion", "created": int(result.accepted_at.timestamp())}
    return {
        **head,
        "model": model_name(chat, result),
        "choices": [choice],
        "usage": usage(result.usage),
        "meta_ai": extension(chat, result),
    }


def chat_id(chat: ChatTask) -> str:
    """Return the id of an answer."""
    return f"chatcmpl-{chat.id}"


def finish_reason(result: Result) -> str:
    """Return why the answer ends."""
    if result.tool_calls:
        return "tool_calls"
    return "length" if is_cut(result) else "stop"


def call(one: ToolCall) -> Json:
    """Return a tool call."""
    return {"id": one.id, "type": "function", "function": {"name": one.name, "arguments": one.arguments}}


def usage(used: Usage) -> Json:
    """Return the tokens of all models that the run has asked."""
    return {
        "prompt_tokens": used.input_tokens,
        "completion_tokens": used.output_tokens,
        "total_tokens": used.input_tokens + used.output_tokens,
        "prompt_tokens_details": {"cached_tokens": used.cached_input_tokens},
        "completion_tokens_details": {"reasoning_tokens": used.reasoning_tokens},
    }


def token_logprobs(tokens: tuple[TokenLogprob, ...]) -> Json:
    """Return log-probabilities."""
    return {
        "content": [
            {**_token(one.token, one.logprob), "top_logprobs": [_token(top.token, top.logprob) for top in one.top]}
            for one in tokens
        ],
        "refusal": None,
    }


def _token(token: str, logprob: float) -> Json:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode(errors="replace"))}
