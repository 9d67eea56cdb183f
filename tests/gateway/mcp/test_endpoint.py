from __future__ import annotations

import sys

import aiohttp
import pytest

from tests.gateway.requests import call


async def test_that_a_missing_package_is_named(http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mcp.server.streamable_http_manager", None)
    status, said = await call(http, "POST", "/mcp", {})
    assert (status, said["code"]) == (501, "not_installed")
    assert "meta-ai-orchestrator[mcp]" in said["detail"]
    monkeypatch.undo()
    assert (await call(http, "POST", "/mcp", {}))[0] == 400  # it is no request of the protocol
