"""A fake provider that fails on demand: OpenAI's and Anthropic's APIs on loopback, `python -m testkit.provider.faulty`.

The path names the fault: `/cut/v1/messages` is cut off, `/once/NAME/cut/v1/messages` only at NAME's first call. It
prints `places JSON`, then `ready`, and ends on SIGTERM.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import signal
import socket
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from testkit.provider.certificates import Authority
from testkit.provider.dialects import DIALECTS
from testkit.provider.exchange import ANSWER, PARTS, Exchange
from testkit.provider.faults import FAULTS, Fault, Mixed, healthy

_LOOPBACK = "127.0.0.1"
_BODY_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class FaultyProviderUrls:
    """Its ports on loopback, and one on which nothing listens. `authority` signed both certificates."""

    plain: int
    secure: int
    expired: int
    refused: int
    authority: str

    def root(self, fault: str, *, once: str = "") -> str:
        """Return the base address of a provider with this fault, below which is its `/v1`.

        With `once`, only the first call of that name fails.
        """
        special = {
            "refused": f"http://{_LOOPBACK}:{self.refused}",
            "no-such-name": "http://provider.invalid",
            "expired-certificate": f"https://{_LOOPBACK}:{self.expired}/healthy",
            "valid-certificate": f"https://{_LOOPBACK}:{self.secure}/healthy",
        }
        path = f"once/{once}/{fault}" if once else fault
        return special.get(fault, f"http://{_LOOPBACK}:{self.plain}/{path}")


#: All faults, those of the connection first, including the healthy controls.
ALL = ("refused", "no-such-name", "expired-certificate", "valid-certificate", *FAULTS)


class FaultyProvider:
    """The server; `calls` counts its requests."""

    def __init__(self, *, share: float = 0.3) -> None:
        self.calls = 0
        self._seen: set[str] = set()
        self._faults: dict[str, Fault] = {**FAULTS, "mixed": Mixed(share)}

    def application(self) -> web.Application:
        """Return the routes."""
        app = web.Application(client_max_size=_BODY_BYTES)
        app.router.add_post("/once/{name}/{fault}/v1/{api:.+}", self._once)
        app.router.add_post("/{fault}/v1/{api:.+}", self._always)
        return app

    async def _always(self, request: web.Request) -> web.StreamResponse:
        self.calls += 1
        return await self._faults[request.match_info["fault"]](await _exchange(request))

    async def _once(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if name not in self._seen:
            self._seen.add(name)
            return await self._always(request)
        return await healthy(await _exchange(request))

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[FaultyProviderUrls]:
        """Serve while the block runs.

        Raises:
            RuntimeError: openssl, which makes the certificates, is not installed.
        """
        # Handlers that hang on purpose end with their client, and must not delay the shutdown.
        runner = web.AppRunner(self.application(), access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        # Bound but not listening: the port refuses connections, and no other process can take it.
        with tempfile.TemporaryDirectory(prefix="meta-ai-faulty-") as folder, socket.socket() as refusing:
            refusing.bind((_LOOPBACK, 0))
            authority = Authority(Path(folder))
            await authority.create()
            contexts = (None, await authority.server("valid", days=2), await authority.server("expired", days=-1))
            try:
                for context in contexts:
                    await web.TCPSite(runner, _LOOPBACK, 0, ssl_context=context, backlog=4096).start()
                plain, secure, expired = [address[1] for address in runner.addresses]
                yield FaultyProviderUrls(plain, secure, expired, refusing.getsockname()[1], str(authority.file))
            finally:
                await runner.cleanup()


async def _exchange(request: web.Request) -> Exchange:
    body: dict[str, Any] = await request.json()
    dialect = DIALECTS[request.match_info["api"]]
    return Exchange(request, dialect, body["model"], bool(body.get("stream")), _to_say(body))


def _to_say(body: dict[str, Any]) -> tuple[str, ...]:
    """Return the parts left to send: the second half, if the conversation has the first half already."""
    turns = body.get("messages") or body.get("input") or ()
    said = next((_text(turn) for turn in reversed(turns) if isinstance(turn, dict) and turn["role"] == "assistant"), "")
    if not said or not ANSWER.startswith(said):
        return PARTS
    at = next((number for number in range(len(PARTS)) if len("".join(PARTS[:number])) >= len(said)), len(PARTS))
    return PARTS[at:]


def _text(turn: dict[str, Any]) -> str:
    content = turn["content"]
    return content if isinstance(content, str) else "".join(block.get("text", "") for block in content)


async def main(options: Namespace) -> None:
    """Serve until told to stop."""
    # Clients that disconnect during an answer are expected.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with FaultyProvider(share=options.share).serving() as places:
        print("places", json.dumps(asdict(places)), flush=True)
        print("ready", flush=True)
        await stop.wait()


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=0.3, help="of the calls to `mixed` that fail")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(parser.parse_args()))
