"""Whether an answer is one: the rule for every model, whole, streamed or out of a batch."""

from __future__ import annotations

from app.errors import EmptyAnswer
from app.models.base import Completion
from app.thoughts import without_thoughts


def is_empty(text: str) -> bool:
    """Whether a text has nothing to read: no character, white space and invisible characters, or only reasoning."""
    return not any(character.isprintable() and not character.isspace() for character in without_thoughts(text))


def empty_answer(completion: Completion, provider: str, *, said: str = "") -> EmptyAnswer | None:
    """Return the error of an answer without text and tool calls that should go on after `said`; None if it has some."""
    if completion.tool_calls or not is_empty(said + completion.text):
        return None
    error = EmptyAnswer(_why(completion), provider=provider)
    error.answer = completion  # it is paid for all the same
    return error


def _why(completion: Completion) -> str:
    thoughts = completion.usage.reasoning_tokens
    if completion.finish_reason == "length":
        spent = f", {thoughts} of them on reasoning" if thoughts else " on reasoning" if completion.reasoning else ""
        return f"the answer is empty: the token limit was spent{spent}; raise max_tokens, or lower reasoning_effort"
    if completion.reasoning or completion.text.strip():
        return "the answer is empty: there is reasoning, but no text and no tool call"
    return "the answer is empty: there is no text and no tool call"
