from __future__ import annotations

import asyncio
import socket

import aiohttp
import pytest
from pydantic import ValidationError

from app.brokers.base import Connection
from app.errors import ConfigurationError
from app.gateway.server import serve_gateway
from app.settings import GatewaySettings, Settings


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.168.0.1", "localhost.example", ""])  # noqa: S104  # refused
def test_that_only_this_machine_can_be_bound_to(address: str) -> None:
    with pytest.raises(ValidationError, match=r"has no authentication; use 127\.0\.0\.1 or ::1"):
        GatewaySettings(bind_address=address)


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
