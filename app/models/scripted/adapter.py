"""A model with scripted answers: the deterministic fake for tests, examples and benchmarks."""

from __future__ import annotations

import asyncio
import json
import math
import random
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import blake2b
from typing import Any, Literal, Self, get_args

from pydantic import Field

from app import errors
from app.models import options
from app.models.base import BatchResults, Completion, Delta, Features, Prompt
from app.models.calling.continuation import continuation_prompt
from app.models.capacity import Capacity
from app.models.scripted.script import Rule, ScriptedReply, reply_to
from app.settings import Delay, ModelSettings, Section
from topics.model_requests import Feature, Sampling, ToolCall
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

FailureCode = Literal[
    "rate_limited", "overloaded", "unavailable", "timeout", "unauthorized", "invalid_request", "content_filtered"
]

#: A word with the whitespace after it, or leading whitespace.
_PIECE = re.compile(r"\S+\s*|\s+")


class ScriptedOptions(Section):
    """The script; the first matching one of `rules` is used, then `answers`, then `default`."""

    rules: tuple[Rule, ...] = Field(
        default=(),
        description="each a `pattern`, a regular expression, and what follows if it is found in what the user has "
        "said so far: the `answer` with `$name` for its groups, `reasoning`, and `calls` of tools",
    )
    answers: dict[str, str] = Field(
        default_factory=dict,
        description="a part of the last user message, and the answer; the first that occurs is used",
    )
    default: str | None = Field(default=None, description="the answer to anything else; by default the message itself")
    reasoning: str = Field(default="", description="the reasoning before the answer, unless a rule sets it")
    delay: Delay = Field(default=0.0, description="how long before the answer")
    batch_delay: Delay = Field(default=0.0, description="how long until the answers of a batch are ready")
    piece_delay: Delay = Field(default=0.0, description="how long between two pieces of a stream")
    cut_after: int | None = Field(default=None, ge=0, description="a stream is cut after this many pieces")
    silent_after: int | None = Field(default=None, ge=0, description="a stream falls silent after this many pieces")
    failures: tuple[FailureCode, ...] = Field(
        default=(), description="codes of the errors with which the first calls fail"
    )
    retry_after: Delay | None = Field(
        default=None, description="how long to wait, in the failures that can carry `retry_after`"
    )
    fail_rate: float = Field(default=0.0, ge=0, le=1, description="the share of other calls that is `unavailable`")
    seed: int = Field(default=0, description="seed that decides which calls fail by `fail_rate`")
    slots: int | None = Field(default=None, ge=1, description="calls it answers at once; unlimited by default")
    lacks: tuple[Feature, ...] = Field(default=(), description="features to turn off, to imitate a weaker model")


class Scripted:
    """Answers from its script; usage is counted in words.

    `max_tokens`, `stop`, `streaming` and `tools` are honoured. `images`, `reasoning_effort`, `seed`, `temperature` and
    `top_p` are accepted and ignored. `logprobs` are not supported, since there are none; nor is `schema`, since only
    the script decides what it answers. A tool that `tool_choice` requires, but no rule calls, is called without
    arguments. A streamed answer that was cut off is continued where it stopped, when asked for as in
    `app.models.calling.continuation`. A batch is answered like single calls, after `batch_delay`.
    """

    provider = "scripted"
    options = ScriptedOptions
    features: Features = frozenset(get_args(Feature)) - {"logprobs", "schema"}

    def __init__(self, script: ScriptedOptions, defaults: Sampling) -> None:
        self.features = type(self).features.difference(script.lacks)
        self.capacity = Capacity(script.slots) if script.slots else None
        self._slots = asyncio.Semaphore(script.slots) if script.slots else None
        self._script = script
        self._defaults = defaults
        self._failures = iter(script.failures)
        self._batches: dict[str, tuple[float, BatchResults]] = {}
        self._rng = random.Random(script.seed)  # noqa: S311  # repeatable on purpose

    @classmethod
    def from_settings(cls, name: str, settings: ModelSettings) -> Self:
        """Return the model that the configuration calls `name`.

        Raises:
            ConfigurationError: an option is invalid.
        """
        return cls(options.parse(name, settings, ScriptedOptions), options.sampling(name, settings))

    async def complete(self, prompt: Prompt, *, timeout: float) -> Completion:
        """Return the scripted answer.

        Raises:
            ModelError: the script makes this call fail, or its delay is longer than `timeout` seconds.
        """
        end = _deadline(timeout)
        async with self._slot(end):
            await self._begin(end)
            return self._completion(prompt)

    async def stream(self, prompt: Prompt, *, timeout: float) -> AsyncGenerator[Delta | Completion]:
        """Yield the scripted answer word by word, and last the completion.

        Raises:
            ModelError: the script makes this call fail or cuts it off, or it takes longer than `timeout` seconds.
        """
        end = _deadline(timeout)
        async with self._slot(end):
            await self._begin(end)
            completion = self._completion(prompt)
            for number, piece in enumerate(_pieces(completion)):
                await self._interrupt(number, end)
                if number:
                    await self._wait(self._script.piece_delay, end)
                yield piece
            yield completion

    def batched(self, prompt: Prompt) -> Mapping[str, Any]:
        """Return the body of a prompt for a batch."""
        return {"prompt": prompt}

    async def submit(self, requests: Mapping[str, Mapping[str, Any]], *, timeout: float) -> str:
        """Accept a batch; it is kept in memory, and lost with this process.

        Raises:
            ModelError: the script makes this call fail, or its delay is longer than `timeout` seconds.
        """
        await self._begin(_deadline(timeout))
        answers = {name: self._completion(request["prompt"]) for name, request in requests.items()}
        batch = f"scripted-{blake2b(repr(sorted(requests)).encode(), digest_size=8).hexdigest()}"
        due = asyncio.get_running_loop().time() + self._script.batch_delay
        self._batches[batch] = due, BatchResults(answers, self._lost(batch))
        return batch

    async def collect(self, batch: str, *, timeout: float) -> BatchResults | None:  # noqa: ARG002  # the port's signature
        """Return the scripted answers once `batch_delay` has passed."""
        due, collected = self._batches.get(batch, (0.0, BatchResults({}, self._lost(batch))))
        return collected if due <= asyncio.get_running_loop().time() else None

    async def close(self) -> None:
        """Forget the batches."""
        self._batches.clear()

    def _lost(self, batch: str) -> errors.BatchFailed:
        return errors.BatchFailed(f"batch {batch} with this request is unknown to this process", provider=self.provider)

    @asynccontextmanager
    async def _slot(self, end: float) -> AsyncIterator[None]:
        """Hold a slot, for which who comes past the limiter waits within the time of the call."""
        if self._slots is None:
            yield
            return
        try:
            async with asyncio.timeout_at(end):
                await self._slots.acquire()
        except TimeoutError:
            raise self._late() from None
        try:
            yield
        finally:
            self._slots.release()

    def _late(self) -> errors.ModelTimeout:
        return errors.ModelTimeout("no answer within the time allowed", provider=self.provider)

    async def _begin(self, end: float) -> None:
        failure = self._failure()
        await self._wait(self._script.delay, end)
        if failure:
            raise failure

    async def _interrupt(self, number: int, end: float) -> None:
        if number == self._script.cut_after:
            raise errors.Unavailable(f"the script cuts the answer off after {number} pieces", provider=self.provider)
        if number == self._script.silent_after:
            await self._wait(math.inf, end)

    async def _wait(self, seconds: float, end: float) -> None:
        # No timeout context around it: a generator that yields within one would cancel its consumer.
        left = end - asyncio.get_running_loop().time()
        await asyncio.sleep(max(0.0, min(seconds, left)))
        if seconds > left:
            raise self._late()

    def _failure(self) -> errors.ModelError | None:
        code = next(self._failures, None)
        if code is None and self._rng.random() < self._script.fail_rate:
            code = "unavailable"
        fields: dict[str, Any] = {"provider": self.provider, "retry_after": self._script.retry_after}
        return _FAILURES[code](f"the script makes this call fail: {code}", **fields) if code else None

    def _completion(self, prompt: Prompt) -> Completion:
        given = self._rest(prompt) or self._given(prompt)
        sampling = options.fill(prompt.sampling, self._defaults)
        text, reason = _cut_at_limit(_cut_at_stop(given.text, sampling.stop), sampling.max_tokens)
        read = sum(len(message.content.split()) for message in prompt.messages)
        reasoning_count = len(given.reasoning.split())
        written = len(text.split()) + reasoning_count + sum(_words(call) for call in given.calls)
        usage = Usage(input_tokens=read, output_tokens=written, reasoning_tokens=reasoning_count)
        reason = "tool_calls" if given.calls else reason
        return Completion(text, reason, usage, reasoning=given.reasoning, tool_calls=given.calls)

    def _given(self, prompt: Prompt) -> ScriptedReply:
        script = self._script
        return reply_to(prompt, script.rules, script.answers, default=script.default, reasoning=script.reasoning)

    def _rest(self, prompt: Prompt) -> ScriptedReply | None:
        """Return the rest of an answer that was cut off, if the prompt asks for that."""
        if len(prompt.messages) <= 2:  # noqa: PLR2004  # the two turns with which it is asked for
            return None
        before = replace(prompt, messages=prompt.messages[:-2])
        said = prompt.messages[-2].content
        if not said or prompt != continuation_prompt(before, said):
            return None
        whole = self._given(before).text
        return ScriptedReply(whole.removeprefix(said)) if whole.startswith(said) else None


def _deadline(timeout: float) -> float:
    return asyncio.get_running_loop().time() + timeout


def _pieces(completion: Completion) -> list[Delta]:
    reasoning_pieces = [Delta(reasoning=piece) for piece in _PIECE.findall(completion.reasoning)]
    return [*reasoning_pieces, *(Delta(piece) for piece in _PIECE.findall(completion.text))]


def _cut_at_stop(text: str, stop: tuple[str, ...]) -> str:
    return text[: min((place for word in stop if (place := text.find(word)) >= 0), default=len(text))]


def _cut_at_limit(text: str, limit: int | None) -> tuple[str, str]:
    words = text.split()
    return (text, "stop") if limit is None or len(words) <= limit else (" ".join(words[:limit]), "length")


def _words(call: ToolCall) -> int:
    return 1 + len(json.dumps(json.loads(call.arguments)).split())
