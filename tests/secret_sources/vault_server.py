"""A stand-in for Vault: the API of KV version 2, with versions, deletion and tokens, as hvac asks it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass
class VaultServer:
    """Holds secrets at mount/path, each with all its versions."""

    token: str = "root"
    address: str = ""
    versions: dict[str, list[dict[str, Any] | None]] = field(default_factory=dict)
    sealed: bool = False

    def write(self, place: str, **fields: Any) -> None:
        self.versions.setdefault(place, []).append(fields)

    def delete(self, place: str) -> None:
        self.versions[place][-1] = None

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[VaultServer]:
        app = web.Application()
        app.router.add_get("/v1/{mount}/data/{path:.+}", self._read)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _read(self, request: web.Request) -> web.Response:
        if self.sealed:
            return web.json_response({"errors": ["Vault is sealed"]}, status=503)
        if request.headers.get("X-Vault-Token") != self.token:
            return web.json_response({"errors": ["permission denied"]}, status=403)
        versions = self.versions.get(f"{request.match_info['mount']}/{request.match_info['path']}", [])
        if not versions or versions[-1] is None:
            metadata = {"version": len(versions), "deletion_time": "2026-01-01T00:00:00Z" if versions else ""}
            body: dict[str, Any] = {"data": {"data": None, "metadata": metadata}} if versions else {"errors": []}
            return web.json_response(body, status=404)
        metadata = {"version": len(versions), "deletion_time": "", "destroyed": False}
        return web.json_response({"data": {"data": versions[-1], "metadata": metadata}})
