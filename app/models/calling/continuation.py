"""Continue an interrupted answer, possibly with another model."""

from __future__ import annotations

from dataclasses import replace

from app.models.base import Prompt
from topics.model_requests import Message

_CONTINUE_INSTRUCTION = (
    "Your answer was cut off. Go on with it exactly where it stopped, in the middle of a word if need be. "
    "Do not repeat any of it, and do not comment on the interruption."
)


def can_continue(prompt: Prompt) -> bool:
    """Whether a partial answer can be continued: structured output and tool calls start over."""
    return prompt.schema is None and not prompt.tools


def continuation_prompt(prompt: Prompt, said: str) -> Prompt:
    """Return the prompt for the rest of an answer that starts with `said`; the prompt itself if that is empty.

    It is a turn of the conversation, which every provider supports; not all of them still allow prefilling the answer.
    """
    if not said:
        return prompt
    turns = (Message(role="assistant", content=said), Message(role="user", content=_CONTINUE_INSTRUCTION))
    return replace(prompt, messages=(*prompt.messages, *turns))
