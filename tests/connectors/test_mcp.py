from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn
from mcp.server import MCPServer

from app.connectors.conformance import probe_connector
from app.connectors.mcp import McpConnector
from app.errors import ConfigurationError, ConnectorError, ConnectorUnavailable
from app.settings import ConnectorSettings

TOKEN = "Bearer hunter2-token"


def server() -> MCPServer:
    made = MCPServer("shop")

    @made.tool()
    def add(one: int, other: int) -> int:
        return one + other

    @made.tool()
    def fail() -> str:
        raise ValueError(f"not with {TOKEN}")

    @made.tool()
    def long() -> str:
        return "x" * 2000

    return made


@pytest.fixture
async def url() -> AsyncIterator[str]:
    """A server of the protocol, by its official package."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        config = uvicorn.Config(server().streamable_http_app(), log_level="error", lifespan="on")
        running = uvicorn.Server(config)
        task = asyncio.create_task(running.serve(sockets=[listening]))
        while not running.started:  # noqa: ASYNC110  # uvicorn tells nobody
            await asyncio.sleep(0.01)
        yield f"http://{address}/mcp"
        running.should_exit = True
        await task


def connector(url: str, **options: Any) -> McpConnector:
    given = {"tools": ["add", "fail", "long"], "max_bytes": 1000, **options}
    settings = {"kind": "mcp", "url": url, "headers": {"authorization": TOKEN}, "options": given}
    return McpConnector.from_settings("shop", ConnectorSettings.model_validate(settings))


async def ask(url: str, tool: str, **arguments: Any) -> Any:
    return await connector(url).run({"tool": tool, "arguments": arguments}, timeout=10)


async def test_that_it_keeps_every_promise(url: str) -> None:
    checks = [
        check async for check in probe_connector(connector(url), {"tool": "add", "arguments": {"one": 1, "other": 2}})
    ]
    assert [(check.name, check.detail) for check in checks if check.status == "fail"] == []


async def test_that_a_tool_is_called(url: str) -> None:
    assert await ask(url, "add", one=1, other=2) == {"result": 3}


async def test_that_the_failure_of_a_tool_tells_no_secret(url: str) -> None:
    with pytest.raises(ConnectorError, match=r"fail failed") as failed:
        await ask(url, "fail")
    assert "hunter2" not in str(failed.value)


async def test_that_only_configured_tools_are_called_and_results_are_limited(url: str) -> None:
    with pytest.raises(ConnectorError, match=r"arguments\.tool: only add, fail, long may be called"):
        await ask(url, "delete_everything")
    with pytest.raises(ConnectorError, match=r"raise options\.max_bytes"):
        await ask(url, "long")


async def test_that_a_server_that_is_away_may_be_asked_again() -> None:
    with pytest.raises(ConnectorUnavailable):
        await ask("http://127.0.0.1:9/mcp", "add", one=1, other=2)


def test_that_settings_are_checked() -> None:
    with pytest.raises(ConfigurationError, match=r"connectors\.shop\.url"):
        connector("stdio")
    with pytest.raises(ConfigurationError, match=r"connectors\.shop\.options\.tools"):
        connector("http://a/mcp", tools=[])
