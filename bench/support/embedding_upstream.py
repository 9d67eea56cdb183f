"""A hosted embedder on loopback: `python -m bench.support.embedding_upstream SECONDS`.

Each call takes SECONDS.

It speaks OpenAI's embeddings API. It says `ready PORT`, and ends on SIGTERM.
"""

from __future__ import annotations

import asyncio
import base64
import signal
import sys

import numpy as np
from aiohttp import web

from app.cli.event_loop import run

DIMENSIONS = 384
_LOOPBACK = "127.0.0.1"
#: The same for every text, since only the cost of transferring a vector counts here.
_VECTOR = np.full(DIMENSIONS, DIMENSIONS**-0.5, dtype="<f4")


def application(seconds: float) -> web.Application:
    """Return the server."""
    encoded = base64.b64encode(_VECTOR.tobytes()).decode()

    async def embed(request: web.Request) -> web.Response:
        texts = (await request.json())["input"]
        await asyncio.sleep(seconds)
        return web.json_response({"data": [{"index": at, "embedding": encoded} for at in range(len(texts))]})

    app = web.Application()
    app.router.add_post("/v1/embeddings", embed)
    return app


async def main(seconds: float) -> None:
    """Serve until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    runner = web.AppRunner(application(seconds), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, _LOOPBACK, 0).start()
    print("ready", runner.addresses[0][1], flush=True)
    await stop.wait()
    await runner.cleanup()


if __name__ == "__main__":
    run(main(float(sys.argv[1])))
