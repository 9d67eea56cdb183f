from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from app.brokers.ports import LOOPBACK, claim, free_port, is_free
from app.errors import BrokerError


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server((LOOPBACK, 0)) as server:
        yield server.getsockname()[1]


def test_a_free_port_can_be_listened_on() -> None:
    with socket.create_server((LOOPBACK, free_port())) as server:
        assert not is_free(server.getsockname()[1])


def test_a_free_port_is_none_that_outgoing_connections_get() -> None:
    assert all(20_000 <= free_port() < 32_000 for _ in range(50))


def test_zero_claims_some_port() -> None:
    assert is_free(claim(0))


def test_a_port_in_use_is_an_error_with_the_fix(taken: int) -> None:
    with pytest.raises(BrokerError, match=rf"port {taken} is in use; .*broker\.port"):
        claim(taken)
