"""An HTTP server that takes batches as OpenAI does (files, and batches of them) and as Anthropic does.

What the last message of a request says decides on what becomes of it: `refuse`, `expire`, `cancel`, `lose`,
`withhold` or `garble`; anything else is answered by an echo.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
import time
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from aiohttp import web

KEY = "sk-planted-secret"
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
Batch = dict[str, Any]


class BatchProvider:
    """Answers each batch when `over` says so of the seconds since it was taken; counts what it was asked for."""

    def __init__(self, over: Callable[[float], bool] = lambda _age: True) -> None:
        self.over = over
        #: What becomes of whole batches of OpenAI's kind.
        self.ends = "completed"
        #: HTTP statuses to answer the next requests with.
        self.failures: list[int] = []
        #: What is answered in place of anything else, and whether nothing is.
        self.instead: bytes | None = None
        self.silent = False
        self._spoilt = False
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, Batch] = {}
        self.asked: Counter[str] = Counter()
        app = web.Application(middlewares=[self._guard], client_max_size=64 * 1024 * 1024)
        app.router.add_post("/v1/files", self._upload)
        app.router.add_get("/v1/files/{id}/content", self._content)
        app.router.add_post("/v1/batches", self._create)
        app.router.add_get("/v1/batches", self._list)
        app.router.add_get("/v1/batches/{id}", self._retrieve)
        app.router.add_post("/v1/messages/batches", self._create_messages)
        app.router.add_get("/v1/messages/batches/{id}", self._retrieve_messages)
        app.router.add_get("/v1/messages/batches/{id}/results", self._results)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        self.url = ""

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    def spoil(self) -> None:
        """Have files of answers be nonsense."""
        self._spoilt = True

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The bodies of all requests in all batches."""
        return [body for batch in self.batches.values() for body in batch["requests"].values()]

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.asked[f"{request.method} {re.sub('(batch|file|msgbatch)_[0-9]+', 'ID', request.path)}"] += 1
        if self.silent:
            await asyncio.sleep(math.inf)
        if self.instead is not None:
            return web.Response(body=self.instead, content_type="application/json")
        if self.failures:
            status = self.failures.pop(0)
            return _error(status, "told to fail", **({"retry-after": "3"} if status == 429 else {}))
        given = request.headers.get("authorization") or request.headers.get("x-api-key")
        if given not in {KEY, f"Bearer {KEY}"}:
            return _error(401, "who are you?")
        answer: web.StreamResponse = await handler(request)
        return answer

    async def _upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        assert form["purpose"] == "batch"
        file = form["file"]
        assert isinstance(file, web.FileField)
        return web.json_response(self._keep(file.file.read()))

    def _keep(self, content: bytes) -> dict[str, Any]:
        name = f"file_{len(self.files)}"
        self.files[name] = content
        about = {"id": name, "object": "file", "bytes": len(content), "created_at": 1, "status": "processed"}
        return {**about, "filename": "f.jsonl", "purpose": "batch"}

    async def _content(self, request: web.Request) -> web.Response:
        content = self.files.get(request.match_info["id"])
        if content is None:
            return _error(404, "no such file")
        return web.Response(body=b"<html>" if self._spoilt else content)

    async def _create(self, request: web.Request) -> web.Response:
        asked = await request.json()
        assert asked["completion_window"] == "24h"
        assert all(len(name) <= 64 and len(value) <= 512 for name, value in asked["metadata"].items())
        lines = [json.loads(line) for line in self.files[asked["input_file_id"]].splitlines()]
        for line in lines:
            assert line.keys() == {"custom_id", "method", "url", "body"}
            assert (line["method"], line["url"]) == ("POST", asked["endpoint"])
        assert len({line["body"]["model"] for line in lines}) == 1
        batch = self._take("batch", {line["custom_id"]: line["body"] for line in lines}, len(lines))
        batch |= {"endpoint": asked["endpoint"], "metadata": asked["metadata"]}
        return web.json_response(self._state(batch))

    def _take(self, kind: str, requests: dict[str, Any], number: int) -> Batch:
        assert requests
        assert len(requests) == number, "two requests have the same name"
        assert all(_NAME.fullmatch(name) for name in requests)
        name = f"{kind}_{len(self.batches)}"
        self.batches[name] = {"id": name, "requests": requests, "at": time.monotonic()}
        return self.batches[name]

    def _is_over(self, batch: Batch) -> bool:
        return self.over(time.monotonic() - batch["at"])

    async def _list(self, request: web.Request) -> web.Response:
        last = [self._state(batch) for batch in reversed(self.batches.values())][: int(request.query["limit"])]
        return web.json_response({"object": "list", "data": last, "has_more": False})

    async def _retrieve(self, request: web.Request) -> web.Response:
        batch = self.batches.get(request.match_info["id"])
        return web.json_response(self._state(batch)) if batch else _error(404, "no such batch")

    def _state(self, batch: Batch) -> dict[str, Any]:
        about = {"object": "batch", "completion_window": "24h", "created_at": 1, "input_file_id": "file_0"}
        about |= {name: batch[name] for name in ("id", "endpoint", "metadata")}
        if not self._is_over(batch):
            return {**about, "status": "in_progress"}
        if self.ends == "failed":
            data = [{"code": "invalid_json_line", "message": f"line 1 is wrong, {KEY}", "line": 1, "param": None}]
            return {**about, "status": "failed", "errors": {"object": "list", "data": data}}
        good, bad = self._openai_lines(batch)
        files = {"output_file_id": good, "error_file_id": bad}
        named = {name: self._keep(_jsonl(lines))["id"] for name, lines in files.items() if lines}
        return {**about, "status": self.ends, **named}

    def _openai_lines(self, batch: Batch) -> tuple[list[Any], list[Any]]:
        good, bad = [], []
        answer = _responses if batch["endpoint"] == "/v1/responses" else _chat
        for name, body in batch["requests"].items():
            line = {"id": f"batch_req_{name}", "custom_id": name, "error": None, "response": None}
            match _said(body):
                case "refuse":
                    told = {"error": {"message": f"no, {KEY}", "type": "invalid_request_error", "code": None}}
                    bad.append({**line, "response": {"status_code": 400, "request_id": "r", "body": told}})
                case "expire":
                    bad.append({**line, "error": {"code": "batch_expired", "message": "too late"}})
                case "cancel":
                    bad.append({**line, "error": {"code": "batch_cancelled", "message": "cancelled"}})
                case "lose":
                    continue
                case "garble":
                    good.append({**line, "response": {"status": "of a kind that nobody knows"}})
                case said:
                    good.append({**line, "response": {"status_code": 200, "request_id": "r", "body": answer(said)}})
        return good, bad

    async def _create_messages(self, request: web.Request) -> web.Response:
        asked = (await request.json())["requests"]
        assert all(line.keys() == {"custom_id", "params"} for line in asked)
        assert all(line["params"]["max_tokens"] > 0 for line in asked)
        batch = self._take("msgbatch", {line["custom_id"]: line["params"] for line in asked}, len(asked))
        return web.json_response(self._messages_state(batch))

    async def _retrieve_messages(self, request: web.Request) -> web.Response:
        batch = self.batches.get(request.match_info["id"])
        return web.json_response(self._messages_state(batch)) if batch else _error(404, "no such batch")

    def _messages_state(self, batch: Batch) -> dict[str, Any]:
        over, when = self._is_over(batch), "2026-01-01T00:00:00Z"
        elsewhere = "http://127.0.0.1:9/elsewhere"  # where the key must not go
        return {
            "id": batch["id"],
            "type": "message_batch",
            "processing_status": "ended" if over else "in_progress",
            "request_counts": {"processing": 0, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0},
            "created_at": when,
            "expires_at": when,
            "results_url": elsewhere if over else None,
        }

    async def _results(self, request: web.Request) -> web.Response:
        batch = self.batches[request.match_info["id"]]
        said = {name: _said(body) for name, body in batch["requests"].items()}
        lines = [{"custom_id": name, "result": _result(text)} for name, text in said.items() if text != "lose"]
        return web.Response(body=b"<html>" if self._spoilt else _jsonl(lines), content_type="application/x-jsonl")


def _said(body: dict[str, Any]) -> str:
    content = (body.get("messages") or body["input"])[-1]["content"]
    return content if isinstance(content, str) else str(content[-1]["text"])


def _chat(said: str) -> dict[str, Any]:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": f"Echo: {said}"}}
    if said == "withhold":
        choice["finish_reason"] = "content_filter"
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
    return {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}


def _responses(said: str) -> dict[str, Any]:
    content = [{"type": "output_text", "text": f"Echo: {said}", "annotations": []}]
    if said == "withhold":
        content = [{"type": "refusal", "refusal": "no"}]
    output = [{"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": content}]
    usage = {"input_tokens": 5, "output_tokens": 2, "total_tokens": 7}
    return {"id": "r", "object": "response", "status": "completed", "model": "m", "output": output, "usage": usage}


def _result(said: str) -> dict[str, Any]:
    match said:
        case "refuse":
            told = {"type": "invalid_request_error", "message": f"no, {KEY}"}
            return {"type": "errored", "error": {"type": "error", "error": told, "request_id": "r"}}
        case "expire":
            return {"type": "expired"}
        case "cancel":
            return {"type": "canceled"}
        case "garble":
            return {"type": "of a kind that nobody knows"}
    message = {
        "id": "msg",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": f"Echo: {said}"}],
        "stop_reason": "refusal" if said == "withhold" else "end_turn",
        "usage": {"input_tokens": 5, "output_tokens": 2},
    }
    return {"type": "succeeded", "message": message}


def _jsonl(lines: list[Any]) -> bytes:
    return "".join(json.dumps(line) + "\n" for line in reversed(lines)).encode()  # in no order


def _error(status: int, message: str, **headers: str) -> web.Response:
    kind = "rate_limit_error" if status == 429 else "not_found_error" if status == 404 else "api_error"
    body = {"type": "error", "error": {"type": kind, "message": f"{message}, {KEY}"}}
    return web.json_response(body, status=status, headers=headers)
