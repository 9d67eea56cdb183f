"""A second opinion on how providers speak: aimock, of npm, which was written by others than llmock."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp

_PACKAGE = "@copilotkit/aimock"
_VERSION = "1.43.0"
_HOME = Path("~/.cache/meta-ai-orchestrator").expanduser() / f"aimock-{_VERSION}"
_USAGE = {"prompt_tokens": 9, "completion_tokens": 6, "total_tokens": 15}
#: Milliseconds between two pieces.
_PACE = 20


def _says(said: str, text: str, **more: object) -> dict[str, Any]:
    response = {"content": text, "usage": _USAGE, **more}
    return {"match": {"userMessage": said}, "response": response, "latency": _PACE, "chunkSize": 6}


def _forecasts() -> Iterator[dict[str, Any]]:
    match = {"userMessage": "weather", "toolName": "get_weather"}
    called = {"toolCalls": [{"name": "get_weather", "arguments": {"city": "Oslo"}}], "usage": _USAGE}
    yield {"match": {**match, "hasToolResult": False}, "response": called}
    yield {"match": {**match, "hasToolResult": True}, "response": {"content": "It rains in Oslo.", "usage": _USAGE}}


_FIXTURES = [
    *_forecasts(),
    _says("Count", "one two three " * 40),
    *(_says(f"Repeat: {word}", f"It is {word}.") for word in ("apple", "stone", "river", "cloud")),
    _says("Which colour", '{"marked_colour": "blue"}'),
    _says("What is it", "A pixel."),
    _says("sky", "Because blue light is scattered most."),
]


@dataclass(frozen=True)
class AimockDouble:
    """What is behind a component; its pieces always take their time."""

    url: str

    def base_url(self, name: str) -> str:
        return self.url if name == "anthropic" else f"{self.url}/v1"

    async def slow(self) -> None:
        await self._admin("POST", json={"latencyMs": 1000})

    async def pace(self) -> None: ...

    async def sent(self) -> None:
        """Tell nothing: what it keeps of a request is not as it came."""

    async def reset(self) -> None:
        await self._admin("DELETE")

    async def _admin(self, method: str, **fields: Any) -> None:
        async with aiohttp.ClientSession(raise_for_status=True) as session:
            await session.request(method, f"{self.url}/__aimock/chaos", **fields)


def missing() -> str:
    """Return why it cannot be used here; nothing when it can, after having installed it if need be."""
    npm = shutil.which("npm")
    if not shutil.which("node") or not npm:
        return "aimock needs node and npm"
    return "" if _script().exists() else _install(npm)


def _install(npm: str) -> str:
    _HOME.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=_HOME.parent) as folder:
        command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", folder]
        done = subprocess.run(  # noqa: S603  # all of it is our own
            [*command, f"{_PACKAGE}@{_VERSION}"], capture_output=True, text=True, timeout=120, check=False
        )
        if done.returncode:
            return f"npm could not install aimock: {done.stderr[-200:]}"
        _HOME.mkdir(exist_ok=True)
        with suppress(OSError):  # another run was faster
            (Path(folder) / "node_modules").rename(_HOME / "node_modules")
    return ""


def _script() -> Path:
    return _HOME / "node_modules" / _PACKAGE / "dist" / "cli.js"


@contextmanager
def serving(folder: Path) -> Iterator[AimockDouble]:
    """Run it on loopback while the block runs, with its answers and what it says in `folder`."""
    fixtures, said = folder / "fixtures.json", folder / "stdout"
    fixtures.write_text(json.dumps({"fixtures": _FIXTURES}))
    node = str(shutil.which("node"))
    command = [node, str(_script()), "--port", "0", "--host", "127.0.0.1", "--fixtures", str(fixtures), "--strict"]
    with said.open("w") as out, subprocess.Popen(command, stdout=out) as process:  # noqa: S603  # likewise
        try:
            yield AimockDouble(_address(process, said))
        finally:
            process.terminate()


def _address(process: subprocess.Popen[bytes], said: Path) -> str:
    end = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < end:
        if found := re.search(r"listening on (http://127\.0\.0\.1:\d+)", said.read_text()):
            return found[1]
        time.sleep(0.02)
    raise AssertionError("aimock did not begin to listen")
