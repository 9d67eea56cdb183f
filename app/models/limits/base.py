"""The port of a guard: one reason for which an attempt may have to wait, or must not be made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from app.models.base import Prompt
from app.models.outcome import Attempt

#: Characters of a token, on the average of English text: a rule of thumb, put right by what the provider counts.
_CHARACTERS_PER_TOKEN = 4
#: Tokens that an answer is expected to have where the request does not bound it.
_DEFAULT_ANSWER_TOKENS = 512


@dataclass(slots=True)
class Admission:
    """The state of one attempt as it passes the guards.

    `tokens` is what it is expected to use. `entered` is when it was let through (monotonic seconds), `in_flight` how
    many were then under way with it, and `key` the number of the API key that it was given. `probe` says that it
    tries a model that has failed, and `spared` that its failure was that of one key among others that still work.
    """

    tokens: int
    entered: float = 0.0
    in_flight: int = 0
    key: int = 0
    probe: bool = False
    spared: bool = False


@dataclass(frozen=True, slots=True)
class QueuedAhead:
    """What goes before an attempt: so many, with so many tokens in all."""

    requests: int = 0
    tokens: int = 0


class Guard(Protocol):
    """A state machine with the time, in monotonic seconds, passed in; it waits for nothing by itself."""

    def wait(self, now: float, tokens: int, ahead: QueuedAhead) -> float:
        """Return in how many seconds at the earliest an attempt with so many `tokens` may pass, after those `ahead`.

        0 is now, infinity when another attempt has left. Nothing changes by asking.

        Raises:
            ModelError: the attempt is not to be made.
        """
        ...

    def take(self, admission: Admission, now: float) -> None:
        """Let one attempt through for which `wait` was 0."""
        ...

    def leave(self, admission: Admission, attempt: Attempt | None, now: float) -> None:
        """Record the outcome of the attempt; None if no call was made."""
        ...


def expected_tokens(prompt: Prompt, max_tokens: int | None = None) -> int:
    """Return about how many tokens an attempt will use; `max_tokens` is what the model's settings bound it to."""
    read = sum(len(message.content) for message in prompt.messages) // _CHARACTERS_PER_TOKEN
    return read + (prompt.sampling.max_tokens or max_tokens or _DEFAULT_ANSWER_TOKENS)
