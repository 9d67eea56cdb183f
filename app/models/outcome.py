"""The outcome of a model call and of its attempts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal

from app.errors import ModelError
from app.models.base import Completion

#: Errors that tell about the state of the model, not about the request.
FAULTS = frozenset({"timeout", "unavailable", "overloaded", "rate_limited", "unauthorized"})


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a provider; it ends with a completion or an error.

    `number` counts from 1; `seconds` is how long it took, without the `held` seconds for which its pieces waited for
    their consumer. With a stream, `text` is what had arrived when it ended, `first_token` the seconds to the first
    piece, and `longest_gap` the longest between two. A `lost` attempt was abandoned because a concurrent one was
    faster, or because the caller had gone. A `short` one timed out after less time than an attempt is usually given,
    which says nothing about the model. `partial` is all that the model wrote, with the counts that the provider
    reported, if that is not the completion: because there is none, or because a repetition was dropped from it. It is
    None if nothing came. `said` is what stood of the answer when it began, and what it was told to go on with.
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
    partial: Completion | None = None
    said: str = ""

    @property
    def paid(self) -> Completion | None:
        """What there is to pay for; None if nothing came."""
        return self.partial or self.completion


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a call: a completion or an error, after `attempts` that took `seconds`, waits included.

    `waited` of these seconds were spent waiting for permits. The completion's text is the whole answer, even if
    several attempts made it. With an error, `text` is the partial answer.
    """

    completion: Completion | None
    error: ModelError | None
    seconds: float
    attempts: tuple[Attempt, ...] = field(default=())
    text: str = ""
    waited: float = 0.0

    @property
    def tries(self) -> int:
        """The number of attempts made."""
        return len(self.attempts)


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a streamed answer, made by `attempt`; it follows the first `base` characters of the text.

    The last one of an attempt has `end`, and an `error` if it was cut off.
    """

    attempt: int
    base: int
    kind: Literal["text", "reasoning"] = "text"
    text: str = ""
    end: bool = False
    finish_reason: str = ""
    error: ModelError | None = None


#: Receives the pieces of an answer, in order.
Sink = Callable[[Piece], Awaitable[None]]
