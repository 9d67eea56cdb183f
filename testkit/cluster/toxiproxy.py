"""A link whose faults a test decides: toxiproxy between a client and a server on loopback."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from app.brokers.ports import free_port

MODULE = "github.com/Shopify/toxiproxy/v2/cmd/server@latest"
_START_TRIES = 100


def build(go: str, folder: Path) -> Path:
    """Return toxiproxy's server, building it where it is not there yet; this takes some seconds, once."""
    server = folder / "server"
    if not server.exists():
        subprocess.run([go, "install", MODULE], env={**os.environ, "GOBIN": str(folder)}, check=True)  # noqa: S603  # ours
    return server


class Link:
    """One proxied address; whole until a fault is asked for."""

    def __init__(self, session: aiohttp.ClientSession, proxy: str) -> None:
        self._session = session
        self._proxy = proxy

    async def _post(self, path: str, body: dict[str, Any]) -> None:
        async with self._session.post(path, json=body) as response:
            assert response.ok, await response.text()

    async def cut(self) -> None:
        """Close all connections, and refuse new ones."""
        await self._post(self._proxy, {"enabled": False})

    async def join(self) -> None:
        """Undo `cut`."""
        await self._post(self._proxy, {"enabled": True})

    async def swallow(self) -> None:
        """Keep connections open, and let no byte through in either direction."""
        for stream in ("upstream", "downstream"):
            toxic = {"name": stream, "type": "timeout", "stream": stream, "attributes": {"timeout": 0}}
            await self._post(f"{self._proxy}/toxics", toxic)

    async def slow(self, milliseconds: int) -> None:
        """Have each answer come later, by up to half as much again."""
        attributes = {"latency": milliseconds, "jitter": milliseconds // 2}
        toxic = {"name": "downstream", "type": "latency", "stream": "downstream", "attributes": attributes}
        await self._post(f"{self._proxy}/toxics", toxic)

    async def heal(self) -> None:
        """Take all toxics away."""
        for stream in ("upstream", "downstream"):
            async with self._session.delete(f"{self._proxy}/toxics/{stream}"):
                pass


@asynccontextmanager
async def link(server: Path, listen: int, upstream: int) -> AsyncIterator[Link]:
    """Run `server`, and yield the link from port `listen` to port `upstream`."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        server, "-host", "127.0.0.1", "-port", str(port), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            await _answers(session)
            found = Link(session, "/proxies/link")
            proxy = {"name": "link", "listen": f"127.0.0.1:{listen}", "upstream": f"127.0.0.1:{upstream}"}
            await found._post("/proxies", proxy)
            yield found
    finally:
        process.kill()
        await process.wait()


async def _answers(session: aiohttp.ClientSession) -> None:
    for _ in range(_START_TRIES):
        try:
            async with session.get("/version"):
                return
        except aiohttp.ClientConnectionError:
            await asyncio.sleep(0.05)
    raise AssertionError("toxiproxy does not answer")
