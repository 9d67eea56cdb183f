"""Going on with an answer that broke off, possibly with another model than the one that began it."""

from __future__ import annotations

from dataclasses import replace

from app.models.base import Prompt
from topics.model_requests import Message

_CONTINUE_INSTRUCTION = (
    "Your answer was cut off. Go on with it exactly where it stopped, in the middle of a word if need be. "
    "Do not repeat any of it, and do not comment on the interruption."
)


def can_continue(prompt: Prompt) -> bool:
    """Whether half an answer is worth keeping: what has a form to keep to, or calls tools, is begun anew."""
    return prompt.schema is None and not prompt.tools


def continuation_prompt(prompt: Prompt, said: str) -> Prompt:
    """Return the prompt that asks for the rest of an answer of which `said` stands; the prompt itself for none.

    It is a turn of the conversation, which every provider understands; to begin the answer for the model is not
    allowed by all of them any more.
    """
    if not said:
        return prompt
    turns = (Message(role="assistant", content=said), Message(role="user", content=_CONTINUE_INSTRUCTION))
    return replace(prompt, messages=(*prompt.messages, *turns))
