"""What every hosted component that takes batches promises, through its official SDK and over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import pytest

from app.errors import (
    BatchExpired,
    BatchFailed,
    ContentFiltered,
    InvalidRequest,
    ModelError,
    ModelTimeout,
    RateLimited,
    Unauthorized,
    Unavailable,
)
from app.models.base import BatchModel, BatchResults, Completion, FindsBatches, Prompt
from app.models.registry import build
from app.settings import ModelSettings
from tests.contracts.batch_provider import KEY, BatchProvider
from tests.models.upstream import Upstream
from topics.model_requests import Message, Sampling, Tool
from topics.model_responses import Usage

_BATCH: dict[str, Any] = {"features": ["batch"]}
KINDS: Mapping[str, dict[str, Any]] = {
    "openai": {"provider": "openai", "options": _BATCH},
    "openai-responses": {"provider": "openai", "options": {**_BATCH, "dialect": "responses"}},
    "groq": {"provider": "groq", "options": _BATCH},
    "anthropic": {"provider": "anthropic"},
}


@dataclass(frozen=True)
class Scene:
    provider: BatchProvider
    model: BatchModel
    kind: str

    async def submit(self, *texts: str) -> str:
        requests = {text: self.model.batched(_prompt(text)) for text in texts}
        return await self.model.submit(requests, timeout=10)

    async def collect(self, batch: str) -> BatchResults:
        collected = await self.model.collect(batch, timeout=10)
        assert collected
        return collected


def _prompt(text: str, **sampling: Any) -> Prompt:
    turns = (Message(role="system", content="Be brief."), Message(role="user", content=text))
    return Prompt(turns, Sampling.model_validate(sampling))


def made(kind: str, url: str, *, key: str = KEY, **options: Any) -> BatchModel:
    row = KINDS[kind]
    base_url = url if kind == "anthropic" else f"{url}/v1"
    settings = {**row, "model": "m", "base_url": base_url, "api_key": key}
    model = build("m", ModelSettings.model_validate({**settings, "options": {**row.get("options", {}), **options}}))
    assert "batch" in model.features
    return cast("BatchModel", model)


@pytest.fixture(params=sorted(KINDS))
async def scene(request: pytest.FixtureRequest) -> AsyncIterator[Scene]:
    async with BatchProvider() as provider:
        model = made(request.param, provider.url)
        yield Scene(provider, model, request.param)
        await model.close()


async def test_that_a_batch_is_found_by_the_names_of_its_requests_where_the_provider_tells(scene: Scene) -> None:
    model: object = scene.model
    if not isinstance(model, FindsBatches):
        assert scene.kind == "anthropic"  # whose API lists batches, but tells neither what they are nor whose
        return
    mine, _ = await scene.submit("one", "two"), await scene.submit("one")

    assert await model.find_batch({"two": {}, "one": {}}, timeout=10) == mine
    assert await model.find_batch({"one": {}, "three": {}}, timeout=10) is None


async def test_that_each_request_is_answered_under_its_name(scene: Scene) -> None:
    collected = await scene.collect(await scene.submit("one", "two", "three"))
    for text in ("one", "two", "three"):
        answer = collected.of(text)
        assert isinstance(answer, Completion)
        assert (answer.text, answer.finish_reason) == (f"Echo: {text}", "stop")
        assert answer.usage == Usage(input_tokens=5, output_tokens=2)


async def test_that_there_is_nothing_while_the_batch_is_not_over(scene: Scene) -> None:
    scene.provider.over = lambda _age: False
    batch = await scene.submit("one")
    assert await scene.model.collect(batch, timeout=10) is None
    scene.provider.over = lambda _age: True
    assert isinstance((await scene.collect(batch)).of("one"), Completion)


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("refuse", InvalidRequest),
        ("expire", BatchExpired),
        ("cancel", BatchFailed),
        ("lose", BatchFailed),
        ("withhold", ContentFiltered),
        ("garble", Unavailable),
    ],
)
async def test_that_what_becomes_of_one_request_is_not_the_others_affair(
    scene: Scene, said: str, error: type[ModelError]
) -> None:
    collected = await scene.collect(await scene.submit("one", said, "two"))
    answer = collected.of(said)
    assert type(answer) is error
    assert answer.provider == scene.model.provider
    assert KEY not in str(answer)
    assert [isinstance(collected.of(text), Completion) for text in ("one", "two")] == [True, True]


async def test_that_a_request_stands_in_a_batch_as_it_would_be_sent_by_itself(scene: Scene) -> None:
    tool = Tool(name="weather", description="The weather.")
    plain = _prompt("why?", max_tokens=7, temperature=0.5, top_p=0.9)
    prompt = Prompt(plain.messages, plain.sampling, (tool,), "required")
    async with Upstream.start() as upstream:
        upstream.json({})
        alone = made(scene.kind, upstream.url, body={"extra": {"field": 1}})
        with pytest.raises(ModelError):
            await alone.complete(prompt, timeout=5)
        assert alone.batched(prompt) == upstream.bodies[0]
        assert alone.batched(prompt)["extra"] == {"field": 1}
        await alone.close()
    await scene.model.submit({"name": scene.model.batched(prompt)}, timeout=10)
    assert scene.provider.requests == [scene.model.batched(prompt)]


async def test_that_many_requests_and_all_characters_arrive(scene: Scene) -> None:
    texts = {f"n{number}": f"Größe {number} \u2028 “quoted”\n☃" for number in range(200)}
    requests = {name: scene.model.batched(_prompt(text)) for name, text in texts.items()}
    collected = await scene.collect(await scene.model.submit(requests, timeout=20))
    answers = {name: cast("Completion", collected.of(name)).text for name in texts}
    assert answers == {name: f"Echo: {text}" for name, text in texts.items()}


@pytest.mark.parametrize(
    ("status", "error"), [(429, RateLimited), (500, Unavailable), (401, Unauthorized), (400, InvalidRequest)]
)
async def test_that_a_refusal_means_what_it_means_for_a_call(
    scene: Scene, status: int, error: type[ModelError]
) -> None:
    batch = await scene.submit("one")
    for act in (lambda: scene.submit("two"), lambda: scene.collect(batch)):
        scene.provider.failures = [status]
        with pytest.raises(error) as raised:
            await act()
        assert (raised.value.status, raised.value.provider) == (status, scene.model.provider)
        assert raised.value.retry_after == (3.0 if status == 429 else None)
        assert KEY not in str(raised.value)
    assert len(scene.provider.batches) == 1  # a component makes one attempt


async def test_that_a_batch_that_the_provider_does_not_know_is_an_invalid_request(scene: Scene) -> None:
    with pytest.raises(InvalidRequest):
        await scene.collect("batch_99" if scene.kind != "anthropic" else "msgbatch_99")


async def test_that_a_wrong_key_is_told_and_not_shown(scene: Scene) -> None:
    stranger = made(scene.kind, scene.provider.url, key="sk-of-a-stranger")
    with pytest.raises(Unauthorized) as raised:
        await stranger.submit({"one": stranger.batched(_prompt("one"))}, timeout=10)
    assert "stranger" not in str(raised.value)
    await stranger.close()


async def test_that_a_server_that_does_not_answer_is_abandoned(scene: Scene) -> None:
    scene.provider.silent = True
    with pytest.raises(ModelTimeout):
        await scene.model.submit({"one": scene.model.batched(_prompt("one"))}, timeout=0.1)
    with pytest.raises(ModelTimeout):
        await scene.model.collect("batch_1", timeout=0.1)


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"id": 5}', b"nonsense"])
async def test_that_an_answer_that_is_none_is_the_providers_fault(scene: Scene, body: bytes) -> None:
    batch = await scene.submit("one")
    scene.provider.instead = body
    for act in (lambda: scene.submit("two"), lambda: scene.collect(batch)):
        with pytest.raises(Unavailable):
            await act()


async def test_that_answers_that_are_none_are_the_providers_fault(scene: Scene) -> None:
    batch = await scene.submit("one")
    scene.provider.spoil()
    with pytest.raises(Unavailable):
        await scene.collect(batch)


@pytest.mark.parametrize(("ends", "error"), [("expired", BatchExpired), ("cancelled", BatchFailed)])
async def test_that_openais_batches_have_what_was_answered_before_they_ended(
    ends: str, error: type[ModelError]
) -> None:
    async with BatchProvider() as provider:
        model = made("openai", provider.url)
        provider.ends = ends
        requests = {text: model.batched(_prompt(text)) for text in ("one", "lose")}
        collected = await model.collect(await model.submit(requests, timeout=10), timeout=10)
        assert collected
        assert isinstance(collected.of("one"), Completion)
        assert type(collected.of("lose")) is error
        await model.close()


async def test_that_a_batch_of_openais_that_was_refused_says_why() -> None:
    async with BatchProvider() as provider:
        model = made("openai", provider.url)
        provider.ends = "failed"
        batch = await model.submit({"one": model.batched(_prompt("one"))}, timeout=10)
        collected = await model.collect(batch, timeout=10)
        assert collected
        answer = collected.of("one")
        assert isinstance(answer, BatchFailed)
        assert "line 1 is wrong" in str(answer)
        assert KEY not in str(answer)
        metadata = provider.batches[batch]["metadata"]
        assert len(metadata.pop("names")) == 32
        assert metadata == {"created_by": "meta-ai-orchestrator", "requests": "1", "first": "one"}
        await model.close()


@pytest.mark.parametrize(
    ("settings", "takes"),
    [
        ({"provider": "openai"}, True),
        ({"provider": "openai", "base_url": "http://127.0.0.1:1/v1"}, False),
        ({"provider": "openai", "options": {"features": ["-batch"]}}, False),
        ({"provider": "anthropic", "base_url": "http://127.0.0.1:1"}, True),
        ({"provider": "groq"}, False),
    ],
)
async def test_that_a_server_of_ones_own_takes_batches_if_told_so(settings: dict[str, Any], *, takes: bool) -> None:
    model = build("m", ModelSettings.model_validate({"model": "m", "api_key": "k", **settings}))
    assert ("batch" in model.features) == takes
    await model.close()
