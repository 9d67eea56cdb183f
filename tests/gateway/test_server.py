from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import aiohttp
import pytest
from pydantic import ValidationError

from app.brokers.base import Connection
from app.errors import ConfigurationError
from app.gateway.server import serve_gateway
from app.settings import GatewaySecurity, GatewaySettings, GatewayTls, Settings


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.168.0.1", "localhost.example", ""])  # noqa: S104  # refused
def test_that_only_this_machine_can_be_bound_to_without_security(address: str) -> None:
    with pytest.raises(ValidationError, match=r"without security anybody|at least 1 character"):
        GatewaySettings(bind_address=address, security=GatewaySecurity(enabled=False))


@pytest.mark.parametrize(
    ("address", "enabled", "secured"),
    [
        ("127.0.0.1", None, False),
        ("::1", False, False),
        ("127.0.0.1", True, True),
        ("0.0.0.0", None, True),  # noqa: S104  # only looked at
        ("gateway.example", True, True),
    ],
)
def test_that_security_is_on_where_others_can_reach_it(address: str, enabled: bool | None, secured: bool) -> None:  # noqa: FBT001
    security = GatewaySecurity(enabled=enabled)
    assert GatewaySettings(bind_address=address, security=security, plain_http=True).secured is secured


def test_that_keys_do_not_go_unencrypted_to_other_machines_unless_that_is_said() -> None:
    with pytest.raises(ValidationError, match=r"unencrypted; set gateway\.tls, or gateway\.plain_http: true"):
        GatewaySettings(bind_address="0.0.0.0")  # noqa: S104  # refused
    tls = GatewayTls(certificate=Path("tls.crt"), key=Path("tls.key"))
    assert GatewaySettings(bind_address="0.0.0.0", tls=tls).secured  # noqa: S104  # only looked at


async def test_that_a_port_in_use_is_named_with_what_to_do(embedded: Connection, settings: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        chosen = settings.model_copy(update={"gateway": GatewaySettings(port=port)})
        with pytest.raises(
            ConfigurationError, match=rf"{port} is in use; set gateway.port or ORCHESTRATOR_GATEWAY_PORT"
        ):
            async with serve_gateway(chosen, embedded):
                pytest.fail("it serves")


async def test_that_a_stop_answers_those_who_wait(embedded: Connection, settings: Settings) -> None:
    async with aiohttp.ClientSession() as session:
        async with serve_gateway(settings, embedded) as address:
            while True:
                async with session.get(f"http://{address}/v1/health") as answer:
                    if answer.status == 200:
                        break
            waiting = asyncio.create_task(
                session.post(f"http://{address}/v1/tasks", json={"input": {}}, headers={"Prefer": "wait=100"})
            )
            await asyncio.sleep(0.5)
            assert not waiting.done()
        async with asyncio.timeout(20), await waiting as answer:
            assert answer.status == 202
