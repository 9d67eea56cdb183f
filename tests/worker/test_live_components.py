"""Secrets change under load, at services that refuse the old one from a moment on: no call fails."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_asyncio
from aiohttp import web

from app.configuration import LiveSettings, live, load_live
from app.errors import ConnectorError, Unauthorized
from app.models.base import Completion, Prompt, StreamingModel
from app.worker.components import Components, components
from tests.models.upstream import event
from tests.secret_sources.vault_server import VaultServer
from topics.model_requests import Message

PROMPT = Prompt((Message(role="user", content="Hello?"),))
_CONFIG = """\
models:
  whole: {{provider: openai, model: x, base_url: "{url}/v1", api_key: "${{file:{file}}}"}}
  stream: {{provider: openai, model: x, base_url: "{url}/v1", api_key: "${{vault:secret/openai#key}}"}}
  messages: {{provider: anthropic, model: x, base_url: "{url}", api_keys: ["${{file:{file}}}", "${{file:{file}}}"]}}
  fixed: {{provider: openai, model: x, base_url: "{url}/v1", api_key: sk-fixed}}
ask: {{models: [whole]}}
connectors:
  data: {{url: "{url}/data", headers: {{authorization: "Bearer ${{vault:secret/openai#key}}"}}}}
retrieval: {{embedder: hashing}}
secret_sources: {{refresh: 1h}}
"""


@dataclass
class Service:
    """Answers those who have the key in force; a stream takes a while."""

    key: str = "sk-old"
    url: str = ""
    refused: int = 0
    by_key: dict[str, int] = field(default_factory=dict)

    def runner(self) -> web.AppRunner:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/messages", self._messages)
        app.router.add_get("/data", self._data)
        return web.AppRunner(app, shutdown_timeout=0.1)

    def _check(self, request: web.Request) -> None:
        given = request.headers.get("x-api-key") or request.headers.get("Authorization", "").removeprefix("Bearer ")
        if given != self.key:
            self.refused += 1
            raise web.HTTPUnauthorized(text='{"error": {"message": "no"}}', content_type="application/json")
        self.by_key[given] = self.by_key.get(given, 0) + 1

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        self._check(request)
        said = {"role": "assistant", "content": "Hi."}
        if not (await request.json()).get("stream"):
            return web.json_response({"choices": [{"message": said, "finish_reason": "stop"}]})
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        await response.write(event({"choices": [{"delta": said}]}))
        await asyncio.sleep(0.05)
        await response.write(event({"choices": [{"delta": {}, "finish_reason": "stop"}]}) + event("[DONE]"))
        return response

    async def _messages(self, request: web.Request) -> web.Response:
        self._check(request)
        usage = {"input_tokens": 1, "output_tokens": 1}
        content = [{"type": "text", "text": "Hi."}]
        body = {"id": "m", "type": "message", "role": "assistant", "model": "x", "content": content, "usage": usage}
        return web.json_response(body | {"stop_reason": "end_turn", "stop_sequence": None})

    async def _data(self, request: web.Request) -> web.Response:
        self._check(request)
        return web.json_response({"found": 1})


@dataclass
class Scene:
    service: Service
    vault: VaultServer
    file: Path
    live: LiveSettings
    parts: Components

    def rotate(self, key: str) -> None:
        """Change the secret at its sources, and from now on refuse the one before."""
        self.file.write_text(f"{key}\n", encoding="utf-8")
        self.vault.write("secret/openai", key=key)
        self.service.key = key


@pytest_asyncio.fixture
async def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    monkeypatch.setattr(live, "_BETWEEN", 0.02)
    service, file, config = Service(), tmp_path / "key", tmp_path / "meta-ai.yaml"
    async with AsyncExitStack() as stack:
        vault = await stack.enter_async_context(VaultServer().serving())
        monkeypatch.setenv("VAULT_ADDR", vault.address)
        monkeypatch.setenv("VAULT_TOKEN", vault.token)
        runner = service.runner()
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        service.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        vault.write("secret/openai", key="sk-old")
        file.write_text("sk-old\n", encoding="utf-8")
        config.write_text(_CONFIG.format(url=service.url, file=file), encoding="utf-8")
        found = await asyncio.to_thread(load_live, config, {})
        parts = components(found.settings, live=found)
        stack.push_async_callback(parts.close)
        yield Scene(service, vault, file, found, parts)


async def stream(parts: Components) -> str:
    model, text = cast("StreamingModel", parts.models["stream"]), ""
    async for one in model.stream(PROMPT, timeout=20):
        text = one.text if isinstance(one, Completion) else text
    return text


def calls(parts: Components) -> list[Callable[[], Awaitable[Any]]]:
    models, data = parts.models, parts.connectors["data"].connector
    return [
        lambda: models["whole"].complete(PROMPT, timeout=20),
        lambda: models["messages"].complete(PROMPT, timeout=20),
        lambda: stream(parts),
        lambda: data.run({}, timeout=20),
    ]


async def test_that_no_call_fails_when_secrets_change_under_load(scene: Scene) -> None:
    ended, done = asyncio.Event(), 0

    async def load(call: Callable[[], Awaitable[Any]]) -> None:
        nonlocal done
        while not ended.is_set():
            assert await call()
            done += 1

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for call in calls(scene.parts) * 4:
            group.create_task(load(call))
        for key in ("sk-new-1", "sk-new-2", "sk-new-3"):
            seen = done
            while done < seen + 100:  # noqa: ASYNC110  # the load goes on meanwhile
                await asyncio.sleep(0.01)
            scene.rotate(key)
        while scene.service.by_key.get("sk-new-3", 0) < 100:  # noqa: ASYNC110  # likewise
            await asyncio.sleep(0.01)
        ended.set()
    assert scene.service.refused  # what was under way met the refusal, and was repeated
    assert set(scene.service.by_key) == {"sk-old", "sk-new-1", "sk-new-2", "sk-new-3"}


async def test_that_a_refusal_with_nothing_new_is_one(scene: Scene) -> None:
    scene.service.key = "sk-unknown"
    for call in calls(scene.parts)[:3]:
        with pytest.raises(Unauthorized):
            await call()
    with pytest.raises(ConnectorError) as error:
        await calls(scene.parts)[3]()
    assert error.value.status == 401
    assert scene.service.refused == 4


async def test_that_a_secret_is_nowhere_in_what_is_shown(scene: Scene) -> None:
    scene.rotate("sk-planted")
    for call in calls(scene.parts):
        await call()
    assert "sk-planted" in scene.live.secrets
    assert "sk-planted" not in f"{scene.live.settings!r} {json.dumps(scene.live.settings.model_dump(mode='json'))}"


async def test_that_what_refers_to_no_source_is_made_once(scene: Scene) -> None:
    assert type(scene.parts.models["fixed"]).__name__ == "OpenAI"
    assert type(scene.parts.models["whole"]).__name__ == "_BatchFinder"
