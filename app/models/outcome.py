"""What came of a call, and of each attempt at it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal

from app.errors import ModelError
from app.models.base import Completion

#: Errors that say how a model is, rather than what it was asked.
FAULTS = frozenset({"timeout", "unavailable", "overloaded", "rate_limited", "unauthorized"})


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a provider; it ends with a completion or an error.

    `number` counts from 1; `seconds` is how long it took, without the `held` seconds for which its pieces had to wait
    until they were taken. With a stream, `text` is what had come when it ended, `first_token` the seconds to the first
    piece, and `longest_gap` the longest between two. One that is `lost` was given up because another, made at the same
    time, was faster, or because nobody waited any more. One that is `short` ran out of less time than an attempt is
    usually given, which says nothing of the model.
    """

    number: int
    seconds: float
    completion: Completion | None = None
    error: ModelError | None = None
    text: str = ""
    first_token: float | None = None
    longest_gap: float | None = None
    lost: bool = False
    short: bool = False
    held: float = 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a call: a completion or an error, after `attempts` that took `seconds`, waits included.

    For `waited` of these seconds it waited at the gate until its attempts could be made. The completion's text is the
    whole answer, though several attempts may have made it. With an error, `text` is what stands of it.
    """

    completion: Completion | None
    error: ModelError | None
    seconds: float
    attempts: tuple[Attempt, ...] = field(default=())
    text: str = ""
    waited: float = 0.0

    @property
    def tries(self) -> int:
        """How many attempts were made."""
        return len(self.attempts)


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of an answer, of the attempt `attempt`, before which the first `base` characters of the text stand.

    The last one of an attempt has `end`, and an `error` when it was cut off.
    """

    attempt: int
    base: int
    kind: Literal["text", "reasoning"] = "text"
    text: str = ""
    end: bool = False
    finish_reason: str = ""
    error: ModelError | None = None


#: Takes the pieces of an answer, in order.
Sink = Callable[[Piece], Awaitable[None]]
