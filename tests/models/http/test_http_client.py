"""The http_client, over real sockets and a real SDK."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import openai
import pytest
import pytest_asyncio

from app.errors import ModelError, ModelTimeout, Unavailable
from app.models.answers.assembler import AnswerAssembler
from app.models.base import Completion, Delta, RateLimitHeaders
from app.models.http import sdk
from app.models.http.endpoint import Endpoint
from app.models.http.errors import ErrorTranslator
from app.models.http.http_client import HttpClient, merge_body
from app.models.openai.chat_answer import ChatAssembler
from tests.models.upstream import Upstream, event
from topics.model_responses import Usage

MOST = 100_000


def wire_to(url: str, **fields: Any) -> HttpClient:
    endpoint = Endpoint("m", url, "sk-planted-1", max_response_bytes=MOST, **fields)
    client, errors = sdk.connect(
        openai, openai.AsyncOpenAI, openai.OpenAIError, provider="host", endpoint=endpoint, connections=4
    )
    return HttpClient(openai, client, errors, endpoint)


@pytest_asyncio.fixture
async def http_client(upstream: Upstream) -> AsyncIterator[HttpClient]:
    subject = wire_to(upstream.url)
    yield subject
    await subject.close()


async def data(http_client: HttpClient, *, timeout: float = 5, most: int = 1000) -> list[str]:
    found: list[str] = []
    async with http_client.stream("/path", {"a": 1}, timeout=timeout) as stream:
        async for _, one in stream.events:
            found.append(one)
            if len(found) == most:
                break
    return found


async def failure(http_client: HttpClient, **options: Any) -> ModelError:
    with pytest.raises(ModelError) as raised:
        await data(http_client, **options)
    assert raised.value.provider == "host"
    assert raised.value.__cause__ is None
    return raised.value


async def whole(http_client: HttpClient, body: dict[str, Any] | None = None) -> Completion:
    return await http_client.complete("/path", body or {}, ChatAssembler(ErrorTranslator("host", None, ())), timeout=5)


async def test_what_is_sent_and_what_comes_back(http_client: HttpClient, upstream: Upstream) -> None:
    upstream.json(
        {"choices": [{"text": "Hi.", "finish_reason": "stop"}]}, headers={"x-ratelimit-remaining-requests": "7"}
    )

    answer = await whole(http_client, {"a": 1})

    assert answer == Completion("Hi.", "stop", allowance=RateLimitHeaders(requests=7))
    assert upstream.bodies == [{"a": 1}]
    assert upstream.headers[0]["Authorization"] == "Bearer sk-planted-1"
    assert upstream.headers[0]["Accept-Encoding"] == "identity"


async def test_events_come_with_their_headers(http_client: HttpClient, upstream: Upstream) -> None:
    upstream.stream(event("one"), 0.01, event("two", "named"), headers={"x-left": "3"}, kind="text/event-stream")

    async with http_client.stream("/path", {"a": 1}, timeout=5) as stream:
        assert stream.headers["X-Left"] == "3"
        assert [one async for one in stream.events] == [("message", "one"), ("named", "two")]
    assert upstream.bodies == [{"a": 1}]


async def test_a_connection_is_used_again(http_client: HttpClient, upstream: Upstream) -> None:
    upstream.stream(event("one"), event("[DONE]"))

    for _ in range(3):
        assert await data(http_client, most=2) == ["one", "[DONE]"]

    assert upstream.connections == 1


async def test_leaving_during_the_stream_closes_the_connection(http_client: HttpClient, upstream: Upstream) -> None:
    upstream.stream(event("one"), then="silence")

    assert await data(http_client, most=1) == ["one"]

    async with asyncio.timeout(5):
        await upstream.idle()


async def test_a_cancelled_stream_closes_the_connection(http_client: HttpClient, upstream: Upstream) -> None:
    upstream.stream(event("one"), then="silence")
    begun = asyncio.Event()

    async def read() -> None:
        async with http_client.stream("/path", {}, timeout=30) as stream:
            async for _ in stream.events:
                begun.set()

    reading = asyncio.create_task(read())
    async with asyncio.timeout(5):
        await begun.wait()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await upstream.idle()


@pytest.mark.parametrize("kind", ["application/json", "text/html; charset=utf-8"])
async def test_another_body_is_not_a_stream(kind: str, http_client: HttpClient, upstream: Upstream) -> None:
    upstream.raw(b"<html>", kind=kind.partition(";")[0])

    error = await failure(http_client)

    assert type(error) is Unavailable
    assert kind.partition(";")[0] in str(error)


@pytest.mark.parametrize("kind", ["text/plain", "application/octet-stream"])
async def test_what_begins_like_events_is_a_stream(kind: str, http_client: HttpClient, upstream: Upstream) -> None:
    upstream.stream(event("one"), event("two"), kind=kind)

    assert await data(http_client) == ["one", "two"]


async def test_a_stream_that_is_cut_is_unavailable(http_client: HttpClient, upstream: Upstream) -> None:
    upstream.stream(event("one"), then="cut")

    assert type(await failure(http_client)) is Unavailable


async def test_a_stream_has_no_more_than_its_time(http_client: HttpClient, upstream: Upstream) -> None:
    upstream.stream(*(event("x") if part % 2 else 0.02 for part in range(1000)))

    assert type(await failure(http_client, timeout=0.3)) is ModelTimeout


async def test_a_refusal_is_an_error_before_the_stream(http_client: HttpClient, upstream: Upstream) -> None:
    upstream.json({"error": {"message": "slow down"}}, status=429, headers={"retry-after": "7"})

    error = await failure(http_client)

    assert (error.status, error.retry_after, str(error)) == (429, 7.0, "slow down")


@pytest.fixture
def full_house() -> Iterator[str]:
    """Yield the address of a server whose queue of connections is full, so that it takes no further one."""
    with socket.socket() as server, ExitStack() as held:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(4):
            waiting = held.enter_context(socket.socket())
            waiting.setblocking(False)  # noqa: FBT003  # the standard library's signature
            waiting.connect_ex(server.getsockname())
        yield "http://{}:{}".format(*server.getsockname())


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse what Linux lets wait")
async def test_a_host_that_takes_no_connection_has_less_time(full_house: str) -> None:
    http_client = wire_to(full_house, connect_timeout=0.2)

    async with asyncio.timeout(20):
        assert type(await failure(http_client, timeout=60)) is ModelTimeout

    await http_client.close()


@pytest.mark.parametrize("status", [200, 400, 500])
async def test_an_answer_without_an_end_does_not_fill_the_memory(
    status: int, http_client: HttpClient, upstream: Upstream
) -> None:
    upstream.raw(b" " * (MOST + 1), status=status)

    with pytest.raises(Unavailable, match=f"longer than {MOST} bytes") as raised:
        await whole(http_client)

    assert raised.value.provider == "host"


async def test_a_stream_without_an_end_does_not_fill_the_memory(http_client: HttpClient, upstream: Upstream) -> None:
    upstream.stream(*[event("x" * 100_000)] * 70)

    assert f"longer than {64 * MOST} bytes" in str(await failure(http_client))
    async with asyncio.timeout(5):
        await upstream.idle()


async def test_an_answer_of_the_longest_length_is_read(http_client: HttpClient, upstream: Upstream) -> None:
    body = b'{"choices": [{"text": "Hi.", "finish_reason": "stop"}]}'
    upstream.raw(body + b" " * (MOST - len(body)))

    assert (await whole(http_client)).text == "Hi."


@pytest.mark.parametrize("size", [0, 10, 200])
async def test_an_answer_that_is_complete_is_used_though_its_body_is_not(
    size: int, http_client: HttpClient, upstream: Upstream
) -> None:
    body = b'{"choices": [{"text": "Hi.", "finish_reason": "stop"}]}' + b" " * 200
    upstream.stream(body[: len(body) - size], then="cut", kind="application/json")

    assert await whole(http_client) == Completion("Hi.", "stop", repaired=("framing",))


async def test_an_answer_whose_body_is_cut_off_is_unavailable(http_client: HttpClient, upstream: Upstream) -> None:
    upstream.stream(b'{"choices": [{"text": "Hi."', then="cut", kind="application/json")

    with pytest.raises(Unavailable):
        await whole(http_client)


async def test_after_close_it_is_unavailable(http_client: HttpClient, upstream: Upstream) -> None:
    await http_client.close()

    assert type(await failure(http_client)) is Unavailable
    assert upstream.bodies == []


def test_what_is_added_goes_into_objects_too() -> None:
    body = {"a": 1, "b": {"c": 1, "d": 1}, "e": {"f": 1}, "g": 1}

    assert merge_body(body, {"b": {"d": 2, "x": 2}, "e": 2, "g": {"h": 2}, "i": {"j": 2}}) == {
        "a": 1,
        "b": {"c": 1, "d": 2, "x": 2},
        "e": 2,
        "g": {"h": 2},
        "i": {"j": 2},
    }
    assert body["b"] == {"c": 1, "d": 1}


class Words(AnswerAssembler):
    """An answer whose events are its words; `.` is the last one."""

    def __init__(self) -> None:
        super().__init__(ErrorTranslator("host", None, ()))
        self.words: list[str] = []
        self.count = Usage()

    @property
    def usage(self) -> Usage:
        return self.count

    @property
    def partial(self) -> Completion:
        return replace(self.completion(), usage=self.count)

    def _take(self, name: str, event: dict[str, Any]) -> Delta | None: ...

    def add(self, name: str, data: str) -> Delta | None:  # noqa: ARG002  # the port's signature
        self.done = data == "."
        self.words.append(data)
        if data == "-":
            self.count = Usage(output_tokens=len(self.words))
        return None if data == "-" * len(data) else Delta(data)

    def completion(self) -> Completion:
        return Completion("".join(self.words))


async def assembled(http_client: HttpClient) -> list[Delta | Completion]:
    return [piece async for piece in http_client.assemble("/path", {"a": 1}, Words(), timeout=5)]


async def test_an_answer_is_put_together_until_its_last_event(http_client: HttpClient, upstream: Upstream) -> None:
    left = {"x-ratelimit-remaining-requests": "7"}
    upstream.stream(event("a"), event("-"), event("."), event("more"), headers=left, kind="text/event-stream")

    *pieces, whole = await assembled(http_client)

    assert pieces == [Delta("a"), Delta(usage=Usage(output_tokens=2)), Delta(".")]
    assert isinstance(whole, Completion)
    assert (whole.text, whole.allowance and whole.allowance.requests) == ("a-.", 7)


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ((), None),
        (("a", "-"), Completion("a-", usage=Usage(output_tokens=2))),
        (("a", "-", "x" * 40), Completion("a-" + "x" * 40)),  # what was counted was less than that
    ],
)
async def test_an_error_amid_a_stream_carries_what_came_before_it(
    words: tuple[str, ...], answer: Completion | None, http_client: HttpClient, upstream: Upstream
) -> None:
    upstream.stream(*map(event, words), b": wait\n\n", 0.05, then="cut")

    with pytest.raises(Unavailable) as raised:
        await assembled(http_client)

    assert raised.value.answer == answer


@pytest.mark.parametrize("letter", ["x", "-"])
async def test_an_answer_without_end_is_abandoned(http_client: HttpClient, upstream: Upstream, letter: str) -> None:
    upstream.stream(*[event(letter * (MOST // 10))] * 11, event("."), kind="text/event-stream")

    with pytest.raises(Unavailable, match=rf"longer than {MOST} bytes \(options.max_response_bytes\)"):
        await assembled(http_client)
