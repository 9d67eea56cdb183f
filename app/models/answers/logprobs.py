"""Log-probabilities, which both of OpenAI's dialects report in the same form."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, field_validator

from app.models.answers.characters import whole_characters
from topics.model_responses import Alternative, TokenLogprob

#: What the API reports for a very unlikely token; some servers report minus infinity, which JSON cannot represent.
_MIN_LOGPROB = -9999.0


class Token(BaseModel):
    """A token and its log-probability, with the alternatives."""

    token: str
    logprob: float
    top_logprobs: tuple[Token, ...] | None = None

    @field_validator("token", mode="before")
    @classmethod
    def _whole(cls, token: object) -> object:
        """Tokens may end amid a character."""
        return whole_characters(token) if isinstance(token, str) else token


def logprobs(tokens: Iterable[Token]) -> tuple[TokenLogprob, ...] | None:
    """Return the log-probabilities in our form; None if there are none."""
    return tuple(map(_logprob, tokens)) or None


def _logprob(token: Token) -> TokenLogprob:
    others = (Alternative(token=one.token, logprob=_finite(one.logprob)) for one in token.top_logprobs or ())
    return TokenLogprob(token=token.token, logprob=_finite(token.logprob), top=tuple(others))


def _finite(logprob: float) -> float:
    return max(_MIN_LOGPROB, logprob)
