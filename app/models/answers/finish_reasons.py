"""Why an answer ended, in the words of all dialects and of the servers that mix them."""

from __future__ import annotations

_OURS = {
    "stop": ("stop", "end_turn", "stop_sequence", "eos", "eos_token", "complete", "completed"),
    "length": ("length", "max_tokens", "max_output_tokens", "model_context_window_exceeded", "model_length"),
    "tool_calls": ("tool_calls", "tool_call", "tool_use", "function_call"),
    "filtered": (
        *("content_filter", "content_filtered", "safety", "image_safety", "recitation", "prohibited_content", "spii"),
        *("blocklist", "refusal", "sensitive", "guardrail_intervened", "error_toxic"),
    ),
    "overloaded": ("insufficient_system_resource",),
    "error": ("error", "network_error", "malformed_function_call"),
}
_BY_NAME = {name: ours for ours, names in _OURS.items() for name in names}
_NOT_YET = frozenset({"", "none", "null"})


def finish_reason(reason: object) -> str | None:
    """Return why an answer ended, None if it has not.

    That is `stop`, `length`, `tool_calls` or `other`; or, if it is not to be used, `filtered`, `overloaded` or `error`.
    """
    if not isinstance(reason, str) or reason.lower() in _NOT_YET:
        return None
    return _BY_NAME.get(reason.lower(), "other")
