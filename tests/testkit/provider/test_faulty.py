from __future__ import annotations

import shutil
import ssl
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from testkit.provider.exchange import ANSWER, PARTS
from testkit.provider.faults import FAULTS, Mixed, healthy
from testkit.provider.faulty import ALL, FaultyProvider, FaultyProviderUrls

pytestmark = [
    pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl, to make certificates"),
    pytest.mark.asyncio(loop_scope="module"),
]

CHAT = "v1/chat/completions"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def places() -> AsyncIterator[FaultyProviderUrls]:
    async with FaultyProvider().serving() as found:
        yield found


async def ask(
    places: FaultyProviderUrls,
    fault: str,
    *,
    stream: bool = False,
    said: str = "",
    once: str = "",
    seconds: float = 0.6,
) -> tuple[int, bytes]:
    turns = [{"role": "user", "content": "Why?"}, *([{"role": "assistant", "content": said}] if said else [])]
    body: dict[str, Any] = {"model": "m", "stream": stream, "messages": turns}
    trusted = ssl.create_default_context(cafile=places.authority)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=seconds)) as session:
        url = f"{places.root(fault, once=once)}/{CHAT}"
        async with session.post(
            url, json=body, ssl=trusted, headers={"x-api-key": "shown"}, allow_redirects=False
        ) as answer:
            return answer.status, await answer.read()


@pytest.mark.parametrize("fault", ["healthy", "valid-certificate"])
async def test_without_a_fault_it_answers(places: FaultyProviderUrls, fault: str) -> None:
    status, body = await ask(places, fault)
    assert status == 200
    assert ANSWER in body.decode()


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("refused", aiohttp.ClientConnectorError),
        ("expired-certificate", aiohttp.ClientConnectorCertificateError),
        ("no-such-name", aiohttp.ClientConnectorError),
        ("reset", aiohttp.ClientOSError),
        ("slow", TimeoutError),
        ("cut", aiohttp.ClientPayloadError),
        ("silence", TimeoutError),
        ("drip", TimeoutError),
        ("garbled", aiohttp.ClientPayloadError),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_fault_of_the_connection_is_one(
    places: FaultyProviderUrls, fault: str, kind: type[Exception], *, stream: bool
) -> None:
    with pytest.raises(kind):
        await ask(places, fault, stream=stream)


async def test_what_has_expired_is_the_certificate_and_nothing_else(places: FaultyProviderUrls) -> None:
    with pytest.raises(aiohttp.ClientConnectorCertificateError, match="expired"):
        await ask(places, "expired-certificate")


@pytest.mark.parametrize(
    ("fault", "status"), [("429", 429), ("429-retry-after", 429), ("401", 401), ("500", 500), ("529", 529)]
)
async def test_a_refusal_repeats_the_credentials(places: FaultyProviderUrls, fault: str, status: int) -> None:
    found, body = await ask(places, fault)
    assert found == status
    assert b"x-api-key: shown" in body


@pytest.mark.parametrize("fault", ["ended-early", "malformed", "error-event"])
async def test_a_stream_that_breaks_has_told_two_pieces(places: FaultyProviderUrls, fault: str) -> None:
    _, body = await ask(places, fault, stream=True)
    assert PARTS[1].encode() in body
    assert PARTS[2].encode() not in body
    assert b'"finish_reason": "stop"' not in body


async def test_an_answer_is_continued_from_what_stands(places: FaultyProviderUrls) -> None:
    _, body = await ask(places, "healthy", said="".join(PARTS[:5]))
    assert "".join(PARTS[5:]) in body.decode()
    assert PARTS[0] not in body.decode()


async def test_a_passing_fault_passes(places: FaultyProviderUrls) -> None:
    assert [(await ask(places, "500", once="a"))[0] for _ in range(3)] == [500, 200, 200]
    assert (await ask(places, "500", once="b"))[0] == 500


@pytest.mark.parametrize("fault", ["huge", "bomb"])
async def test_there_is_more_than_anybody_wants(places: FaultyProviderUrls, fault: str) -> None:
    _, body = await ask(places, fault, seconds=20.0)
    assert len(body) > 16 * 2**20


async def test_every_fault_has_a_place(places: FaultyProviderUrls) -> None:
    assert set(FAULTS) < set(ALL)
    assert len({places.root(fault) for fault in ALL}) == len(ALL)


async def test_a_share_of_the_calls_fails() -> None:
    mixed, well = Mixed(0.3), Mixed(0.0)
    assert 250 < sum(mixed.pick() is not healthy for _ in range(1000)) < 350
    assert all(well.pick() is healthy for _ in range(100))
