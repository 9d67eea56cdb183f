"""What attackers send, byte by byte, to a gateway's socket: it is refused, and others are answered meanwhile."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from app.brokers.base import Connection
from app.gateway import guard
from app.gateway.server import serve_gateway
from app.gateway.transport import protocol
from app.settings import GatewaySettings, Settings, TopicSettings
from tests.gateway.wire import GET, HEAD, Target

pytestmark = pytest.mark.asyncio(loop_scope="module")

POST = b"POST /v1/tasks HTTP/1.1\r\n" + HEAD + b"Content-Type: application/json\r\n"
BODY = b'{"input": {"question": "?"}}'
#: What an attacker hides: were it taken for a request of its own, there would be a second answer.
HIDDEN = b"GET /v1/hidden HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def target(embedded: Connection) -> AsyncIterator[Target]:
    """One gateway for all attacks, which has read its topics."""
    topics = TopicSettings(prefix=f"t{secrets.token_hex(4)}-", partitions=2)
    async with serve_gateway(Settings(topics=topics, gateway=GatewaySettings(port=0)), embedded) as address:
        found = Target(address)
        async with asyncio.timeout(60):
            while not await found.healthy():  # noqa: ASYNC110  # it does not tell
                await asyncio.sleep(0.05)
        yield found


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _others_are_answered(target: Target) -> AsyncIterator[None]:
    yield
    assert await target.healthy()


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN, id="CL.TE"),
        pytest.param(POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + HIDDEN, id="TE.CL"),
        pytest.param(POST + b"Content-Length: 2\r\nContent-Length: 28\r\n\r\n" + BODY + HIDDEN, id="two lengths"),
        pytest.param(POST + b"Content-Length: 2, 28\r\n\r\n" + BODY + HIDDEN, id="a list of lengths"),
        pytest.param(POST + b"Content-Length: +2\r\n\r\n{}" + HIDDEN, id="a length with a sign"),
        pytest.param(POST + b"Content-Length: 0x2\r\n\r\n{}" + HIDDEN, id="a length in hexadecimal"),
        pytest.param(POST + b"Content-Length: -1\r\n\r\n{}" + HIDDEN, id="a negative length"),
        pytest.param(POST + b"Content-Length: 99999999999999999999\r\n\r\n{}", id="a length without end"),
        pytest.param(POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + HIDDEN, id="an unknown encoding"),
        pytest.param(POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + HIDDEN, id="chunked not last"),
        pytest.param(POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + HIDDEN, id="a space before the colon"),
        pytest.param(POST + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n" + HIDDEN, id="a vertical tab"),
        pytest.param(POST + b"X: a\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN, id="obs-fold"),
        pytest.param(POST + b"X: a\rTransfer-Encoding: chunked\r\n\r\n" + HIDDEN, id="a bare carriage return"),
        pytest.param(POST + b"X: a\x00b\r\n\r\n" + HIDDEN, id="a NUL in a header"),
        pytest.param(POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + HIDDEN, id="a chunk without a size"),
        pytest.param(POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}xx0\r\n\r\n" + HIDDEN, id="a chunk too long"),
        pytest.param(
            POST + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}" + HIDDEN, id="a size without end"
        ),
        pytest.param(b"GET /v1/health HTTP/1.1 x\r\n" + HEAD + b"\r\n", id="more behind the version"),
        pytest.param(b"GET /v1/health HTTP/9.9\r\n" + HEAD + b"\r\n", id="an unknown version"),
        pytest.param(b"GET  /v1/health\x01 HTTP/1.1\r\n" + HEAD + b"\r\n", id="a control character in the path"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", id="the preface of HTTP/2"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", id="a handshake of TLS"),
        pytest.param(b"\x00" * 100, id="no text"),
    ],
)
async def test_that_what_could_be_read_in_two_ways_is_refused_and_ends_the_connection(
    target: Target, request_: bytes
) -> None:
    async with target.wire() as wire:
        await wire.send(request_)
        answer = await wire.answer()
        assert (answer.status, answer.code) == (400, "invalid_http")
        assert answer.headers["content-type"] == "application/problem+json"
        assert await wire.closed()


@pytest.mark.parametrize(
    ("hosts", "status", "code"),
    [
        (b"", 421, "wrong_host"),
        (b"Host:\r\n", 421, "wrong_host"),
        (b"Host: 127.0.0.1\r\nHost: evil.example\r\n", 400, "invalid_http"),
        (b"Host: evil.example\r\nHost: 127.0.0.1\r\n", 400, "invalid_http"),
        (b"Host: 127.0.0.1@evil.example\r\n", 421, "wrong_host"),
        (b"Host: [\r\n", 421, "wrong_host"),
    ],
)
async def test_that_a_request_names_one_host(target: Target, hosts: bytes, status: int, code: str) -> None:
    async with target.wire() as wire:
        await wire.send(b"GET /v1/health HTTP/1.1\r\n" + hosts + b"\r\n")
        answer = await wire.answer()
        assert (answer.status, answer.code) == (status, code)


@pytest.mark.parametrize(
    "path",
    [
        *(b"/v1/../v1/keys", b"/v1/tasks/..", b"/v1/tasks/../../etc/passwd", b"/v1/tasks/%2e%2e/%2e%2e/etc/passwd"),
        *(b"//v1/health", b"/v1//health", b"/v1/health/", b"/v1/health%00", b"/v1/tasks/%00", b"/v1/tasks/a%0d%0ab"),
        *(b"/v1/tasks/%ff%fe", b"/v1/tasks/%", b"/v1/tasks/%zz", b"/v1/tasks/a%2f..%2f..%2fb", b"/v1/health;x=1"),
        *(
            b"/v1/runs/..%2f..",
            b"/v1/results/" + b"a" * 8000,
            b"/v1/workflows/%00",
            b"/v1/models/../../x",
            b"/V1/HEALTH",
        ),
        *(b"/v1/tasks/\xc3\xa4", b"*", b"http://evil.example/v1/nothing", b"/v1/tasks/" + b"../" * 2000),
    ],
)
async def test_that_no_path_leads_elsewhere(target: Target, path: bytes) -> None:
    async with target.wire() as wire:
        await wire.send(b"GET " + path + b" HTTP/1.1\r\n" + HEAD + b"\r\n")
        answer = await wire.answer()
        assert answer.status in {307, 400, 404, 405, 422}
        assert "location" not in answer.headers or "evil" not in answer.headers["location"]


async def test_that_a_head_has_a_size(target: Target) -> None:
    large = b"a" * protocol.MAX_HEAD_BYTES
    many = b"".join(b"X-%d: a\r\n" % number for number in range(protocol.MAX_HEADERS))
    for request_ in (
        GET + b"X: " + large + b"\r\n\r\n",
        b"GET /" + large + b" HTTP/1.1\r\n" + HEAD + b"\r\n",
        GET + many + b"\r\n",
    ):
        async with target.wire() as wire:
            await wire.send(request_)
            answer = await wire.answer()
            assert (answer.status, answer.code) == (431, "head_too_large")
            assert await wire.closed()
    async with target.wire() as wire:
        await wire.send(GET + b"X: " + large[:60_000] + b"\r\n\r\n")
        assert (await wire.answer()).status == 200


@pytest.mark.parametrize(
    ("begin", "more"),
    [
        pytest.param(GET + b"X: ", b"a", id="a header"),
        pytest.param(GET, b"X: a\r\n", id="headers"),
        pytest.param(b"GET /", b"a", id="a path"),
        pytest.param(POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: ", b"a", id="a trailer"),
        pytest.param(POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: a\r\n", id="trailers"),
        pytest.param(POST + b"Transfer-Encoding: chunked\r\n\r\n1;", b"a", id="a chunk extension"),
    ],
)
async def test_that_what_does_not_end_is_not_collected(target: Target, begin: bytes, more: bytes) -> None:
    async with target.wire() as wire:
        await wire.send(begin)
        assert await wire.taken(more * (8192 // len(more))) < 4 * 1024 * 1024


async def test_that_a_head_that_does_not_come_is_not_waited_for(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "_HEAD_SECONDS", 0.3)
    for begin in (b"", b"G", GET, b"\r\n"):
        async with target.wire() as wire:
            await wire.send(begin)
            answer = await wire.answer()
            assert (answer.status, answer.code) == (408, "request_timeout")
            assert await wire.closed()


async def test_that_slow_heads_and_bodies_hold_up_nobody(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "_HEAD_SECONDS", 1.0)
    monkeypatch.setattr(guard, "_BODY_SECONDS", 1.0)

    async def drip(begin: bytes) -> int:
        async with target.wire() as wire:
            await wire.send(begin)

            async def drop() -> None:
                while True:
                    await wire.send(b"a")
                    await asyncio.sleep(0.05)

            dropping = asyncio.create_task(drop())
            try:
                return (await wire.answer()).status
            finally:
                dropping.cancel()

    slow = [asyncio.create_task(drip(begin)) for begin in [GET + b"X: ", POST + b"Content-Length: 1000\r\n\r\n"] * 50]
    while not all(one.done() for one in slow):
        assert await target.healthy()
    assert {one.result() for one in slow} == {408}


async def test_that_a_second_head_that_does_not_come_costs_no_answer(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "_HEAD_SECONDS", 0.2)
    async with target.wire() as wire:
        wait = b"Prefer: wait=1\r\nContent-Length: %d\r\n\r\n" % len(BODY)
        await wire.send(POST + wait + BODY + b"GET /v1/heal")
        answer = await wire.answer()
        assert answer.status == 202
        assert answer.headers["connection"] == "close"
        assert await wire.closed()


async def test_that_requests_in_a_row_are_answered_in_their_order(target: Target) -> None:
    async with target.wire() as wire:
        await wire.send(b"".join(GET + b"X-Request-Id: %d\r\n\r\n" % number for number in range(10)))
        assert [(await wire.answer()).headers["x-request-id"] for _ in range(10)] == [str(n) for n in range(10)]


async def test_that_requests_are_not_collected_while_one_is_answered(target: Target) -> None:
    async with target.wire() as wire:
        wait = b"Prefer: wait=1\r\nContent-Length: %d\r\n\r\n" % len(BODY)
        await wire.send(POST + wait + BODY + (GET + b"\r\n") * 3000)
        assert 1 <= await wire.answers() <= 2 + protocol._MOST_PIPELINED


async def test_that_nothing_is_answered_for_garbage_behind_a_request(target: Target) -> None:
    async with target.wire() as wire:
        await wire.send(GET + b"\r\n" + b"\x00\x01\x02garbage\r\n\r\n" + HIDDEN)
        assert (await wire.answer()).status == 200
        left = await wire.reader.read()
        assert b"hidden" not in left
        assert left == b"" or left.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("name", ["X-Request-Id", "Idempotency-Key", "Prefer", "Last-Event-ID"])
@pytest.mark.parametrize(
    "value",
    [b"a\rSet-Cookie: x", b"a\nSet-Cookie: x", b"a\r\n\r\nHTTP/1.1 200 OK", b"\xff\xfe", b"%0d%0aSet-Cookie: x"],
)
async def test_that_no_header_becomes_another(target: Target, name: str, value: bytes) -> None:
    async with target.wire() as wire:
        await wire.send(POST + name.encode() + b": " + value + b"\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY)
        answer = await wire.answer()
        assert answer.status in {202, 400, 415, 422}
        assert "set-cookie" not in answer.headers
        assert "\xff" not in answer.headers.get("x-request-id", "")


async def test_that_a_trailer_is_no_header(target: Target) -> None:
    async with target.wire() as wire:
        chunks = b"%x\r\n" % len(BODY) + BODY + b"\r\n0\r\nX-Request-Id: of-the-trailer\r\nPrefer: wait=300\r\n\r\n"
        await wire.send(POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)
        answer = await wire.answer()
        assert answer.status == 202
        assert answer.headers["x-request-id"] != "of-the-trailer"


@pytest.mark.parametrize("encoding", [b"gzip", b"deflate", b"br", b"zstd", b"gzip, gzip", b"identity, gzip"])
async def test_that_nothing_is_unpacked(target: Target, encoding: bytes) -> None:
    async with target.wire() as wire:
        await wire.send(POST + b"Content-Encoding: " + encoding + b"\r\nContent-Length: 2\r\n\r\n{}")
        answer = await wire.answer()
        assert (answer.status, answer.code) == (415, "unsupported_media_type")


async def test_that_a_request_that_is_cut_is_let_go(target: Target) -> None:
    for cut in (
        b"GET /v1",
        GET,
        POST + b"Content-Length: 100\r\n\r\n{",
        POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{",
    ):
        async with target.wire() as wire:
            await wire.send(cut)
            wire.writer.write_eof()
        async with target.wire() as wire:
            await wire.send(cut)
            transport: asyncio.WriteTransport = wire.writer.transport
            transport.abort()
    assert await target.healthy()


@pytest.mark.parametrize("protocol_", [b"websocket", b"h2c", b"x"])
async def test_that_no_other_protocol_is_spoken(target: Target, protocol_: bytes) -> None:
    async with target.wire() as wire:
        await wire.send(GET + b"Connection: Upgrade\r\nUpgrade: " + protocol_ + b"\r\n\r\n" + HIDDEN)
        assert (await wire.answer()).status == 200
        assert await wire.closed()


async def test_that_it_is_no_proxy(target: Target) -> None:
    async with target.wire() as wire:
        await wire.send(b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n" + HIDDEN)
        assert (await wire.answer()).status in {400, 404, 405, 421}
        assert await wire.closed()


async def test_that_there_are_so_many_connections_and_no_more(embedded: Connection, settings: Settings) -> None:
    few = settings.model_copy(update={"gateway": GatewaySettings(port=0, max_connections=3)})
    async with serve_gateway(few, embedded) as address:
        target = Target(address)
        async with target.wire() as first, target.wire(), target.wire():
            async with target.wire() as wire:
                answer = await wire.answer()
                assert (answer.status, answer.code) == (503, "too_many_connections")
                assert await wire.closed()
            await first.send(GET + b"\r\n")
            assert (await first.answer()).status in {200, 503}  # it may still be reading its topics


async def test_that_an_answer_that_nobody_reads_is_given_up(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "_STALLED_SECONDS", 0.2)
    document = b"GET /v1/openapi.json HTTP/1.1\r\n" + HEAD + b"\r\n"
    async with target.wire() as wire:
        wire.writer.transport.pause_reading()  # type: ignore[attr-defined]  # it is a transport of a socket
        assert await wire.taken(document)
