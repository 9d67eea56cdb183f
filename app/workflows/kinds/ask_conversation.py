"""The conversation that goes before the prompt of an `ask` step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue, ValidationError

from app.errors import ExpressionError
from app.workflows.kinds.ask_images import MAX_IMAGES
from app.workflows.kinds.base import StepContext
from topics.model_requests import Message


def conversation(ctx: StepContext, context: Mapping[str, Any]) -> tuple[Message, ...]:
    """Return the turns that `messages` yields.

    Raises:
        ExpressionError: they are not a list of messages, or have too many images.
    """
    written = ctx.compiled.values.get("messages")
    if written is None:
        return ()
    given = written.evaluate(context)
    if not isinstance(given, list):
        raise ExpressionError(f"step {ctx.name}: messages must be a list, not {type(given).__name__}")
    turns = tuple(_turn(ctx, place, one) for place, one in enumerate(given))
    if (count := sum(len(turn.images) for turn in turns)) > MAX_IMAGES:
        raise ExpressionError(f"step {ctx.name}: {count} images are too many; there may be {MAX_IMAGES}")
    return turns


def transcript(turns: tuple[Message, ...]) -> str:
    """Return turns as one text, for what reads a prompt only: a single one as it is."""
    if len(turns) == 1:
        return turns[0].content
    return "\n\n".join(f"{turn.role}: {turn.content}" for turn in turns)


def _turn(ctx: StepContext, place: int, given: JsonValue) -> Message:
    try:
        return Message.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        at = ".".join(map(str, ("messages", place, *first["loc"])))
        raise ExpressionError(f"step {ctx.name}: {at}: {first['msg']}") from None
