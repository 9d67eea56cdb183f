from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from app.conformance import Check
from app.errors import BatchFailed, Unauthorized, Unavailable
from app.models.base import BatchResults, Completion, Delta, Features, Model, Prompt
from app.models.conformance.probe import probe
from app.models.registry import build
from app.settings import ModelSettings
from topics.model_requests import ToolCall
from topics.model_responses import TokenLogprob, Usage


class Perfect:
    """Does whatever is asked; subclasses break one promise each."""

    provider = "perfect"
    features: Features = frozenset(
        {
            "batch",
            "images",
            "logprobs",
            "max_tokens",
            "schema",
            "seed",
            "stop",
            "streaming",
            "temperature",
            "tools",
            "top_p",
        }
    )
    closed = 0

    def answer(self, prompt: Prompt) -> Completion:
        if prompt.tool_choice == "required":
            return Completion("", "tool_calls", Usage(), tool_calls=(ToolCall(id="1", name="weather", arguments="{}"),))
        if prompt.schema:
            return Completion('{"n": 7}', usage=Usage(input_tokens=3, output_tokens=3))
        logprobs = None if prompt.sampling.logprobs is None else (TokenLogprob(token="ready", logprob=-0.1),)
        return Completion("ready", usage=Usage(input_tokens=3, output_tokens=1), logprobs=logprobs)

    async def complete(self, prompt: Prompt, *, timeout: float) -> Completion:  # noqa: ARG002  # the port's signature
        return self.answer(prompt)

    async def stream(self, prompt: Prompt, *, timeout: float) -> AsyncGenerator[Delta | Completion]:  # noqa: ARG002
        for piece in ("re", "ady"):
            yield Delta(piece)
        yield self.answer(prompt)

    def batched(self, prompt: Prompt) -> Mapping[str, Any]:
        return {"prompt": prompt}

    async def submit(self, requests: Mapping[str, Mapping[str, Any]], *, timeout: float) -> str:  # noqa: ARG002  # likewise
        self.batch = {name: self.answer(request["prompt"]) for name, request in requests.items()}
        return "b"

    async def collect(self, batch: str, *, timeout: float) -> BatchResults | None:  # noqa: ARG002  # likewise
        return BatchResults(self.batch, Unavailable("there is no such request")) if batch == "b" else None

    async def close(self) -> None:
        self.closed += 1


async def checks(model: Model, timeout: float = 5) -> dict[str, Check]:
    return {check.name: check async for check in probe(model, timeout=timeout)}


async def failed(model: Model) -> dict[str, str]:
    return {name: check.error for name, check in (await checks(model)).items() if check.status == "fail"}


async def test_what_keeps_all_promises_passes_and_what_it_does_not_claim_is_skipped() -> None:
    model = Perfect()
    found = await checks(model)

    assert {name for name, check in found.items() if check.status == "skipped"} == {"reasoning_effort"}
    assert {check.status for name, check in found.items() if name != "reasoning_effort"} == {"pass"}
    assert list(found)[:2] == ["complete", "usage"]
    assert model.closed == 2


async def test_a_batch_may_take_its_time_but_not_fail() -> None:
    class Slow(Perfect):
        async def collect(self, batch: str, *, timeout: float) -> BatchResults | None:  # noqa: ARG002  # the port's signature
            return None

    class Failing(Perfect):
        async def collect(self, batch: str, *, timeout: float) -> BatchResults | None:  # noqa: ARG002  # likewise
            return BatchResults({}, BatchFailed("no"))

    assert (await checks(Slow()))["batch"].detail == "accepted, not answered yet"
    assert await failed(Failing()) == {"batch": "batch_failed"}


def breaking(**fields: Any) -> Model:
    """Return a model whose every answer has these fields."""

    class Broken(Perfect):
        def answer(self, prompt: Prompt) -> Completion:
            return replace(super().answer(prompt), **fields)

    return Broken()


@pytest.mark.parametrize(
    ("fields", "broken"),
    [
        ({"usage": Usage(output_tokens=1)}, {"usage"}),
        ({"usage": Usage(input_tokens=1)}, {"usage"}),
        ({"usage": Usage(input_tokens=1, output_tokens=17)}, {"max_tokens"}),
        ({"text": "one two three"}, {"stop", "schema", "streaming"}),
        ({"logprobs": None}, {"logprobs"}),
        ({"logprobs": (TokenLogprob(token="x", logprob=0.5),)}, {"logprobs"}),
        ({"tool_calls": ()}, {"tools"}),
        ({"tool_calls": (ToolCall(id="1", name="other", arguments="{}"),)}, {"tools"}),
        ({"tool_calls": (ToolCall(id="1", name="weather", arguments="[]"),)}, {"tools"}),
        ({"tool_calls": (ToolCall(id="1", name="weather", arguments="{"),)}, {"tools"}),
        ({"finish_reason": "because"}, {"complete"}),
        ({"text": " "}, {"complete"}),
    ],
)
async def test_each_broken_promise_is_found_and_no_other(fields: dict[str, Any], broken: set[str]) -> None:
    assert await failed(breaking(**fields)) == dict.fromkeys(broken, "broken")


async def test_a_stream_without_a_completion_or_with_something_after_it_fails() -> None:
    class Cut(Perfect):
        async def stream(self, prompt: Prompt, *, timeout: float) -> AsyncGenerator[Delta | Completion]:  # noqa: ARG002
            yield Delta("ready")

    class Long(Perfect):
        async def stream(self, prompt: Prompt, *, timeout: float) -> AsyncGenerator[Delta | Completion]:  # noqa: ARG002
            yield Completion("")
            yield Delta("ready")

    assert await failed(Cut()) == {"streaming": "broken"}
    assert await failed(Long()) == {"streaming": "broken"}


async def test_what_claims_an_unknown_feature_fails() -> None:
    class Proud(Perfect):
        features: Features = frozenset({"mind-reading"})  # type: ignore[arg-type]  # that is the point

    assert await failed(Proud()) == {"features": "broken"}


async def test_what_raises_anything_else_fails_and_its_words_stay_out() -> None:
    class Faulty(Perfect):
        def answer(self, prompt: Prompt) -> Completion:
            if prompt.sampling.seed is not None:
                raise KeyError("sk-planted")
            return super().answer(prompt)

    found = (await checks(Faulty()))["seed"]
    assert (found.status, found.error, found.detail) == ("fail", "internal", "raised KeyError")


async def test_after_a_first_call_that_failed_nothing_else_is_asked() -> None:
    class Locked(Perfect):
        def answer(self, prompt: Prompt) -> Completion:  # noqa: ARG002  # likewise
            raise Unauthorized("wrong key", provider="locked")

    found = await checks(Locked())
    assert list(found) == ["complete", "close"]
    assert (found["complete"].error, found["complete"].detail) == ("unauthorized", "wrong key")


async def test_what_does_not_heed_its_time_fails() -> None:
    class Deaf(Perfect):
        async def complete(self, prompt: Prompt, *, timeout: float) -> Completion:
            if timeout < 1:
                await asyncio.sleep(1.1)
            return self.answer(prompt)

    assert await failed(Deaf()) == {"timeout": "broken"}


async def test_what_cannot_be_closed_twice_fails() -> None:
    class Once(Perfect):
        async def close(self) -> None:
            self.closed += 1
            if self.closed > 1:
                raise RuntimeError

    assert await failed(Once()) == {"close": "internal"}


async def test_the_scripted_model_keeps_its_promises() -> None:
    assert await failed(build("m", ModelSettings(provider="scripted"))) == {}
