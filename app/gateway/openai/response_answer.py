"""Results as Responses has them."""

from __future__ import annotations

from typing import Any

from app.gateway.answers.chat_tasks import ChatTask
from app.gateway.answers.reading import content, extension, is_cut, model_name
from app.gateway.openai.response_request import ResponseRequest
from topics.model_requests import ToolCall
from topics.model_responses import Usage
from topics.results import Result

Json = dict[str, Any]


def response(chat: ChatTask, asked: ResponseRequest, result: Result) -> Json:
    """Return a whole answer."""
    text = content(result)
    said = [message(chat, text)] if text or not result.tool_calls else []
    calls = [function_call(chat, at, one) for at, one in enumerate(result.tool_calls or ())]
    cut = is_cut(result) and not result.tool_calls
    known: Json = {"model": model_name(chat, result), "output": [*said, *calls], "usage": usage(result.usage)}
    known |= {"incomplete_details": {"reason": "max_output_tokens"} if cut else None}
    known |= {"meta_ai": extension(chat, result)}
    return {**frame(chat, asked, "incomplete" if cut else "completed", int(result.accepted_at.timestamp())), **known}


def frame(chat: ChatTask, asked: ResponseRequest, status: str, created: int) -> Json:
    """Return a response without its output."""
    return {
        "id": f"resp_{chat.id}",
        "object": "response",
        "created_at": created,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": asked.instructions or None,
        "metadata": asked.metadata,
        "model": asked.model,
        "output": [],
        "parallel_tool_calls": True,
        "temperature": asked.temperature,
        "tool_choice": asked.tool_choice if isinstance(asked.tool_choice, str) else asked.tool_choice.model_dump(),
        "tools": [{"type": "function", "strict": tool.strict, **tool.model_dump()} for tool in asked.tools],
        "top_p": asked.top_p,
        "usage": None,
    }


def message(chat: ChatTask, text: str, status: str = "completed") -> Json:
    """Return the item that holds the text."""
    return {
        "id": f"msg_{chat.id}",
        "type": "message",
        "role": "assistant",
        "status": status,
        "content": [text_part(text)] if status == "completed" else [],
    }


def text_part(text: str) -> Json:
    """Return the part that is the text."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def function_call(chat: ChatTask, at: int, call: ToolCall, status: str = "completed") -> Json:
    """Return the item of a call of a tool."""
    return {
        "id": f"fc_{chat.id}_{at}",
        "type": "function_call",
        "call_id": call.id,
        "name": call.name,
        "arguments": call.arguments if status == "completed" else "",
        "status": status,
    }


def usage(used: Usage) -> Json:
    """Return the tokens of all models that the run has asked."""
    return {
        "input_tokens": used.input_tokens,
        "input_tokens_details": {
            "cached_tokens": used.cached_input_tokens,
            "cache_write_tokens": used.cache_write_tokens,
        },
        "output_tokens": used.output_tokens,
        "output_tokens_details": {"reasoning_tokens": used.reasoning_tokens},
        "total_tokens": used.input_tokens + used.output_tokens,
    }
