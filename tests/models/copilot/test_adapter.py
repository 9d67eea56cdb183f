"""The real SDK and the real runtime, against a server that speaks OpenAI's chat completions.

COPILOT_CLI_PATH names the runtime, as it does for the SDK; without it, and without `copilot` on PATH, most is skipped.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from app import errors
from app.models.base import Completion, Delta, Prompt
from app.models.copilot import adapter
from app.models.copilot.adapter import Copilot
from app.models.registry import build
from app.settings import ModelSettings
from tests.models.upstream import Upstream, event
from topics.model_requests import Message

KEY = "ghu_planted-secret"
RUNTIME = os.environ.get("COPILOT_CLI_PATH") or shutil.which("copilot")

real = pytest.mark.skipif(
    find_spec("copilot") is None or RUNTIME is None,
    reason="needs github-copilot-sdk, and the runtime of the npm package @github/copilot in COPILOT_CLI_PATH",
)


@pytest.fixture(autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    # The runtime unpacks itself below the home directory; once is enough for all tests.
    home = tmp_path_factory.getbasetemp() / "copilot-home"
    home.mkdir(exist_ok=True)
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_CACHE_HOME", "COPILOT_GITHUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def settings(url: str | None, **more: object) -> ModelSettings:
    given = {"provider": "copilot", "model": "m", "base_url": url, "options": {"runtime": RUNTIME}} | more
    return ModelSettings.model_validate(given)


@pytest_asyncio.fixture
async def model(upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Copilot]:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    subject = Copilot.from_settings("m", settings(f"{upstream.url}/v1", api_key=KEY))
    yield subject
    await subject.close()


def ask(*said: str) -> Prompt:
    roles = ("user", "assistant") * len(said)
    turns = (Message.model_validate({"role": role, "content": text}) for role, text in zip(roles, said, strict=False))
    return Prompt((Message(role="system", content="Be brief."), *turns))


def chunk(text: str = "", reason: str | None = None, **more: object) -> bytes:
    choices = [{"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": reason}]
    return event({"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices} | more)


def answers(upstream: Upstream, *words: str, reason: str = "stop") -> None:
    usage = {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14}
    counted = chunk(choices=[], usage=usage)
    upstream.stream(*map(chunk, words), chunk(reason=reason), counted, event("[DONE]"))


def kept(folder: Path, text: str) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


def private(folder: Path) -> Path:
    (place,) = folder.glob("meta-ai-copilot-*")
    assert place.stat().st_mode & 0o077 == 0
    return place


def environment(process: Any) -> bytes:
    try:
        return Path(f"/proc/{process.pid}/environ").read_bytes()
    except FileNotFoundError:
        pytest.skip("only Linux shows the environment of a process")


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  # a foreign program tells nobody
            await asyncio.sleep(0.02)


@real
@pytest.mark.slow
async def test_it_streams_an_answer_and_counts(model: Copilot, upstream: Upstream) -> None:
    answers(upstream, "Hello", " big", " world")

    got = [piece async for piece in model.stream(ask("What is up?"), timeout=60)]

    assert got[:-1] == [Delta("Hello"), Delta(" big"), Delta(" world")]
    last = got[-1]
    assert isinstance(last, Completion)
    assert (last.text, last.finish_reason) == ("Hello big world", "stop")
    assert (last.usage.input_tokens, last.usage.output_tokens) == (11, 3)


@real
@pytest.mark.slow
async def test_it_asks_once_for_what_is_asked_and_offers_no_tools(model: Copilot, upstream: Upstream) -> None:
    answers(upstream, "yes")

    await model.complete(ask("first", "one", "and then"), timeout=60)

    (body,) = upstream.bodies
    system, user = body["messages"]
    assert (body["model"], system) == ("m", {"role": "system", "content": "Be brief."})
    assert user["content"].endswith("User: first\n\nAssistant: one\n\nUser: and then")
    assert not body.get("tools")
    assert upstream.headers[0]["authorization"] == f"Bearer {KEY}"


@real
@pytest.mark.slow
async def test_an_answer_that_became_too_long_is_not_continued(model: Copilot, upstream: Upstream) -> None:
    answers(upstream, "Hello", " big", reason="length")
    upstream.stream(chunk(" and more"), then="silence")

    answer = await model.complete(ask("What is up?"), timeout=60)

    assert (answer.text, answer.finish_reason) == ("Hello big", "length")
    assert answer.usage.output_tokens == 3


@real
@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "kind"), [(429, errors.RateLimited), (401, errors.Unauthorized), (500, errors.Unavailable)]
)
async def test_a_failure_is_named_and_not_tried_again(
    status: int, kind: type[errors.ModelError], model: Copilot, upstream: Upstream
) -> None:
    upstream.json({"error": {"message": f"no, {KEY}", "type": "x"}}, status=status)

    with pytest.raises(kind) as raised:
        await model.complete(ask("What is up?"), timeout=60)

    assert "no, [redacted]" in str(raised.value)
    assert raised.value.provider == "copilot"
    await model.close()
    assert len(upstream.bodies) == 1


@real
@pytest.mark.slow
async def test_an_answer_that_is_cut_off_is_an_error(model: Copilot, upstream: Upstream) -> None:
    upstream.stream(chunk("Hello"), chunk(" big"), then="cut")
    pieces = model.stream(ask("What is up?"), timeout=60)

    got = [await anext(pieces), await anext(pieces)]
    with pytest.raises(errors.Unavailable):
        await anext(pieces)

    assert got == [Delta("Hello"), Delta(" big")]


@real
@pytest.mark.slow
async def test_silence_is_a_timeout_and_the_next_call_works(model: Copilot, upstream: Upstream) -> None:
    answers(upstream, "ready")
    await model.complete(ask("Are you there?"), timeout=60)
    upstream._replies.clear()
    upstream.stream(chunk("Hello"), then="silence")

    with pytest.raises(errors.ModelTimeout):
        await model.complete(ask("What is up?"), timeout=0.5)

    upstream._replies.clear()
    answers(upstream, "yes")
    assert (await model.complete(ask("And now?"), timeout=60)).text == "yes"


@real
@pytest.mark.slow
async def test_what_was_said_is_in_a_private_place_and_then_gone(
    model: Copilot, upstream: Upstream, tmp_path: Path
) -> None:
    answers(upstream, "yes")
    pieces = model.stream(ask("a planted question"), timeout=60)
    await anext(pieces)
    place = private(tmp_path)
    await until(lambda: bool(kept(place, "a planted question")))

    await pieces.aclose()
    await until(lambda: not kept(place, "a planted question"))

    await model.close()
    assert not place.exists()
    assert not kept(tmp_path, KEY)


@real
@pytest.mark.slow
async def test_the_runtime_gets_nothing_of_our_environment_that_it_need_not_have(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-another")
    answers(upstream, "yes")
    model = Copilot.from_settings("m", settings(f"{upstream.url}/v1", api_key=KEY))

    await model.complete(ask("What is up?"), timeout=60)

    seen = environment(model._runtime._client._process)
    await model.close()

    assert b"COPILOT_OFFLINE=true" in seen
    assert b"sk-of-another" not in seen
    assert KEY not in repr(model._runtime)


@real
@pytest.mark.slow
async def test_a_runtime_that_died_is_started_again(model: Copilot, upstream: Upstream) -> None:
    answers(upstream, "yes")
    await model.complete(ask("What is up?"), timeout=60)
    process: Any = model._runtime._client._process
    process.kill()

    with pytest.raises(errors.Unavailable):
        await model.complete(ask("What is up?"), timeout=60)
    assert (await model.complete(ask("What is up?"), timeout=60)).text == "yes"


@pytest.mark.skipif(find_spec("copilot") is None, reason="needs github-copilot-sdk")
async def test_what_is_not_a_runtime_cannot_be_started(tmp_path: Path) -> None:
    program = tmp_path / "copilot"
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o700)
    model = build("m", settings("http://127.0.0.1:9/v1", options={"runtime": str(program)}))

    with pytest.raises(errors.Unavailable, match="copilot cannot be started"):
        await model.complete(ask("What is up?"), timeout=30)
    await model.close()


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"model": None}, r"models\.m\.model"),
        ({"base_url": None}, r"models\.m\.api_key: .* COPILOT_GITHUB_TOKEN"),
        ({"options": {"runtime": "/no/such/copilot"}}, r"models\.m\.options\.runtime: /no/such/copilot does not exist"),
        ({"options": {"path": "x"}}, r"models\.m\.options\.path"),
    ],
)
def test_what_is_wrong_is_named(wrong: dict[str, object], named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "find_spec", lambda name: ModuleSpec(name, None))
    given = {"options": {"runtime": __file__}} | wrong

    with pytest.raises(errors.ConfigurationError, match=named):
        Copilot.from_settings("m", settings("http://127.0.0.1:9/v1", **given))


def test_a_missing_sdk_is_named_with_its_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "find_spec", lambda _: None)

    with pytest.raises(errors.MissingDependency, match=r'pip install "meta-ai-orchestrator\[copilot\]"'):
        Copilot.from_settings("m", settings("http://127.0.0.1:9/v1"))


def test_a_missing_runtime_is_named_with_its_fix(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(adapter, "find_spec", lambda name: ModuleSpec(name, None))
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(errors.MissingDependency, match="npm install -g @github/copilot"):
        Copilot.from_settings("m", settings("http://127.0.0.1:9/v1", options={}))
