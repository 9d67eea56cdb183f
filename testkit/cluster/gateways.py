"""Gateways as processes of their own, which a test kills and starts again at the same address."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from app.brokers.ports import free_port

_ROOT = Path(__file__).parents[2]
_READY_SECONDS = 60.0


class Gateway:
    """One replica, with its configuration in a folder of its own; leaving the block kills it."""

    def __init__(self, bootstrap_servers: str, settings: Mapping[str, Any], folder: Path) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        self._folder = folder
        self._servers = bootstrap_servers
        self._process: Process | None = None
        folder.mkdir()
        (folder / "meta-ai.yaml").write_text(json.dumps(settings), encoding="utf-8")  # JSON is YAML

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.kill()

    async def start(self) -> None:
        """Return when it listens; what it logs goes to a file in its folder."""
        port = self.address.rpartition(":")[2]
        environment = {**os.environ, "PYTHONPATH": str(_ROOT / "sdk" / "python"), "ORCHESTRATOR_GATEWAY_PORT": port}
        command = (sys.executable, "-m", "meta_ai_orchestrator", "orchestrator", "gateway", "--json")
        with (self._folder / "log").open("ab") as log:
            process = self._process = await asyncio.create_subprocess_exec(
                *command,
                "--bootstrap-servers",
                self._servers,
                cwd=self._folder,
                env=environment,
                stdout=PIPE,
                stderr=log,
            )
        async with asyncio.timeout(_READY_SECONDS):
            said = await process.stdout.readline() if process.stdout else b""
        assert said, f"the gateway ended early:\n{(self._folder / 'log').read_text()[-4000:]}"

    async def kill(self) -> None:
        """End it without warning."""
        if self._process:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.communicate()
