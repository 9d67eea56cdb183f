from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from app.brokers.base import Connection
from app.brokers.ports import LOOPBACK, free_port
from app.brokers.reachability import check_reachable
from app.errors import BrokerError


@pytest_asyncio.fixture
async def silent() -> AsyncIterator[str]:
    """Yield the address of a server that accepts connections and says nothing."""
    ends: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: ends.append(writer), LOOPBACK, 0)
    yield f"{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
    for end in ends:
        end.close()
    server.close()


async def test_one_that_answers_is_enough(embedded: Connection, silent: str) -> None:
    await check_reachable(Connection(f"{silent},{embedded.bootstrap_servers}"))


async def test_nobody_there_is_one_clear_line() -> None:
    address = f"{LOOPBACK}:{free_port()}"
    with pytest.raises(BrokerError) as caught:
        await check_reachable(Connection(address))
    assert str(caught.value).startswith(f"no broker answers: {address} cannot be reached (")
    assert "\n" not in str(caught.value)


async def test_silence_is_told_from_absence(silent: str) -> None:
    with pytest.raises(BrokerError, match=r"did not answer within 0\.2 s; .*broker\.security\.protocol"):
        await check_reachable(Connection(silent), seconds=0.2)


@pytest.mark.parametrize("address", ["kafka", "kafka:x", ":9092", "http://127.0.0.1:9092", "127.0.0.1:1;127.0.0.1:2"])
async def test_what_is_no_address_is_named(address: str) -> None:
    with pytest.raises(BrokerError) as caught:
        await check_reachable(Connection(address))
    said = f"no broker answers: {address} is not in the form host:port; several are separated by commas"
    assert str(caught.value) == said


async def test_the_password_is_not_in_the_error(embedded: Connection) -> None:
    options = {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "PLAIN",
        "sasl_plain_username": "me",
        "sasl_plain_password": "planted",
    }
    with pytest.raises(BrokerError, match=embedded.bootstrap_servers) as caught:
        await check_reachable(Connection(embedded.bootstrap_servers, options))
    assert "planted" not in str(caught.value)
