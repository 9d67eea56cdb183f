"""A model that says what it is told to: the deterministic double for tests, examples and benchmarks."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Sequence
from string import Template
from typing import Any, Literal, Self, get_args

from pydantic import Field

from app import errors
from app.models import options
from app.models.base import Completion, Features, Prompt
from app.settings import ModelSettings, Section
from topics.model_requests import Feature, Sampling
from topics.model_responses import Usage

_FAILURES: dict[str, type[errors.ModelError]] = {
    kind.code: kind
    for kind in (
        errors.RateLimited,
        errors.Overloaded,
        errors.Unavailable,
        errors.ModelTimeout,
        errors.Unauthorized,
        errors.InvalidRequest,
        errors.ContentFiltered,
    )
}

Code = Literal[
    "rate_limited", "overloaded", "unavailable", "timeout", "unauthorized", "invalid_request", "content_filtered"
]


class Rule(Section):
    """`answer` where the regular expression `pattern` is found; `$name` in it stands for the group of that name."""

    pattern: re.Pattern[str]
    answer: str


class Options(Section):
    """The script.

    The first of `rules` counts that is found in what the user has said so far, all messages in one text: so a
    question that is asked again, because the answer was malformed, can be told from the first one. Then
    `answers` maps a piece of the last user message to the answer; the first that occurs in it counts, and
    without one the answer is `default`, or the message itself. The first calls fail with `failures`, in
    that order; of the others a share of `fail_rate` is `unavailable`, always the same ones for one `seed`.
    """

    rules: tuple[Rule, ...] = ()
    answers: dict[str, str] = Field(default_factory=dict)
    default: str | None = None
    delay: float = Field(default=0.0, ge=0, description="seconds before the answer")
    failures: tuple[Code, ...] = ()
    retry_after: float | None = Field(default=None, ge=0, description="seconds, in the failures that can carry it")
    fail_rate: float = Field(default=0.0, ge=0, le=1)
    seed: int = 0


class Scripted:
    """Answers from its script; usage is counted in words."""

    provider = "scripted"
    features: Features = frozenset(get_args(Feature)) - {"streaming"}

    def __init__(self, script: Options, defaults: Sampling) -> None:
        self._script = script
        self._defaults = defaults
        self._failures = iter(script.failures)
        self._rng = random.Random(script.seed)  # noqa: S311  # repeatable on purpose

    @classmethod
    def from_settings(cls, name: str, settings: ModelSettings) -> Self:
        """Return the model that the configuration calls `name`.

        Raises:
            ConfigurationError: an option is wrong.
        """
        return cls(options.parse(name, settings, Options), options.sampling(name, settings))

    async def complete(self, prompt: Prompt, *, timeout: float) -> Completion:
        """Return the scripted answer.

        Raises:
            ModelError: the script has this call fail, or its delay is longer than `timeout` seconds.
        """
        failure = self._failure()
        try:
            async with asyncio.timeout(timeout):
                await asyncio.sleep(self._script.delay)
        except TimeoutError:
            raise errors.ModelTimeout("no answer within the time allowed", provider=self.provider) from None
        if failure:
            raise failure
        return self._answer(prompt)

    async def close(self) -> None:
        """Do nothing: there is nothing to release."""

    def _failure(self) -> errors.ModelError | None:
        code = next(self._failures, None)
        if code is None and self._rng.random() < self._script.fail_rate:
            code = "unavailable"
        fields: dict[str, Any] = {"provider": self.provider, "retry_after": self._script.retry_after}
        return _FAILURES[code](f"the script has this call fail: {code}", **fields) if code else None

    def _answer(self, prompt: Prompt) -> Completion:
        text = self._text([message.content for message in prompt.messages if message.role == "user"])
        words, limit = text.split(), options.fill(prompt.sampling, self._defaults).max_tokens
        read = sum(len(message.content.split()) for message in prompt.messages)
        if limit is not None and len(words) > limit:
            usage = Usage(input_tokens=read, output_tokens=limit)
            return Completion(" ".join(words[:limit]), "length", usage)
        return Completion(text, "stop", Usage(input_tokens=read, output_tokens=len(words)))

    def _text(self, said: Sequence[str]) -> str:
        conversation, asked = "\n\n".join(said), said[-1] if said else ""
        for rule in self._script.rules:
            if found := rule.pattern.search(conversation):
                return Template(rule.answer).safe_substitute(found.groupdict(default=""))
        default = asked if self._script.default is None else self._script.default
        return next((text for piece, text in self._script.answers.items() if piece in asked), default)
