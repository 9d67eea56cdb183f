from __future__ import annotations

import asyncio
import json
from io import BytesIO
from typing import Any

import aiohttp
import pytest

from app.gateway import guard
from app.gateway.guard import MAX_DEPTH, depth

TASK = {"input": {"question": "?"}}


@pytest.mark.parametrize(
    ("body", "deep"),
    [
        (b"", 0),
        (b"3", 0),
        (b"{}", 1),
        (b'[{"a": [1]}, [[2]]]', 3),
        (b'["[[[[", "\\"[[["]', 1),
        (b'{"a[": "\\\\", "b": [1]}', 2),
        (b'["unclosed [[[', 1),
        (b"]]]][[", 0),
        ('["Ä[\\u005b"]'.encode(), 1),
    ],
)
def test_brackets_count_outside_of_strings(body: bytes, deep: int) -> None:
    assert depth(body) == deep


async def problem(answer: aiohttp.ClientResponse) -> dict[str, Any]:
    """Return the problem that an answer is, which has what all of them have."""
    assert answer.content_type == "application/problem+json"
    found: dict[str, Any] = json.loads(await answer.text())
    assert found["status"] == answer.status
    assert found["request_id"] == answer.headers["X-Request-Id"]
    assert found["detail"]
    return found


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8089", "[::1]:8089", "LOCALHOST"])
async def test_that_this_machine_is_asked_by_its_names(http: aiohttp.ClientSession, host: str) -> None:
    async with http.get("/v1/health", headers={"Host": host}) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "192.168.0.1:8089", "[::", "@"])
async def test_that_a_name_that_leads_here_by_rebinding_is_refused(http: aiohttp.ClientSession, host: str) -> None:
    async with http.get("/v1/health", headers={"Host": host}) as answer:
        assert answer.status == 421
        assert (await problem(answer))["code"] == "wrong_host"


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1.evil.example", ""])
async def test_that_pages_of_other_hosts_are_refused(http: aiohttp.ClientSession, origin: str) -> None:
    async with http.post("/v1/tasks", json=TASK, headers={"Origin": origin}) as answer:
        assert answer.status == 403
        assert (await problem(answer))["code"] == "foreign_origin"


async def test_that_a_page_of_this_machine_is_not(http: aiohttp.ClientSession) -> None:
    async with http.post("/v1/tasks", json=TASK, headers={"Origin": "http://localhost:3000"}) as answer:
        assert answer.status == 202


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},  # which a form of another page can send without being asked for permission
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": ""},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
async def test_that_only_plain_json_is_read(http: aiohttp.ClientSession, headers: dict[str, str]) -> None:
    async with http.post("/v1/tasks", data=json.dumps(TASK), headers=headers) as answer:
        assert answer.status == 415
        assert (await problem(answer))["code"] == "unsupported_media_type"


async def test_that_a_body_is_at_most_as_large_as_an_event(http: aiohttp.ClientSession) -> None:
    async def chunked() -> Any:
        for _ in range(40):
            yield b" " * 65536

    body = json.dumps({"input": {"a": "x" * 1024 * 1024}}).encode()
    for data in (BytesIO(body), chunked()):
        async with http.post("/v1/tasks", data=data, headers={"Content-Type": "application/json"}) as answer:
            assert answer.status == 413
            assert (await problem(answer))["code"] == "too_large"


async def test_that_a_body_is_at_most_so_deep(http: aiohttp.ClientSession) -> None:
    for levels, status in ((MAX_DEPTH - 2, 202), (MAX_DEPTH - 1, 422), (100_000, 422)):
        data = '{"input": {"a": ' + "[" * levels + "]" * levels + "}}"
        async with http.post("/v1/tasks", data=data, headers={"Content-Type": "application/json"}) as answer:
            assert answer.status == status
            if status == 422:
                assert (await problem(answer))["code"] == "too_deep"


async def test_that_a_body_that_does_not_come_is_not_waited_for(
    http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "_BODY_SECONDS", 0.05)

    async def slow() -> Any:
        yield b"{"
        await asyncio.sleep(30)

    async with http.post("/v1/tasks", data=slow(), headers={"Content-Type": "application/json"}) as answer:
        assert answer.status == 408
        assert (await problem(answer))["code"] == "request_timeout"


async def test_that_a_request_keeps_its_id_unless_it_could_forge_a_line(http: aiohttp.ClientSession) -> None:
    for given, kept in (("my-id.1", True), ("a b", False), ("x" * 129, False), ("", False)):
        async with http.get("/v1/health", headers={"X-Request-Id": given}) as answer:
            assert (answer.headers["X-Request-Id"] == given) is kept
            assert answer.headers["X-Request-Id"]


async def test_that_answers_are_neither_cached_nor_sniffed_nor_framed(http: aiohttp.ClientSession) -> None:
    for path in ("/v1/health", "/v1/nothing"):
        async with http.get(path) as answer:
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Server"] == "meta-ai"
            assert "Access-Control-Allow-Origin" not in answer.headers
