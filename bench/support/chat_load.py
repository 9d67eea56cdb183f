"""Ask a chat API over so many connections at once, in a process of its own.

`python -m bench.support.chat_load ROOT whole|stream CONNECTIONS REQUESTS` asks the model of that name. It prints `warm`
when it begins to measure, and `took` with a JSON object: `seconds` from the first request to the last answer, and the
milliseconds of each request in `requests`. Of streams also the milliseconds by which each piece came later than it was
sent (`delays`), the longest wait between two pieces of a stream beyond that of the model (`gaps`, one a stream), and
how many pieces are missing or repeated (`wrong`).
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from dataclasses import asdict, dataclass, field
from itertools import pairwise

import aiohttp

from app.cli.event_loop import run
from testkit.provider.exchange import ANSWER

_MESSAGES = [{"role": "user", "content": "What does every good answer have?"}]
_PIECE = re.compile(r"(\d+):(\d+) ")
#: How many requests a connection makes before it is measured.
_WARM = 2


@dataclass(slots=True)
class Load:
    """What was measured, in milliseconds but for `seconds`."""

    seconds: float = 0.0
    requests: list[float] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)
    wrong: int = 0


class Client:
    """Asks one API."""

    def __init__(self, http: aiohttp.ClientSession, url: str, mode: str) -> None:
        self._http = http
        self._url = url
        self._stream = mode == "stream"
        self._body = {"model": mode, "messages": _MESSAGES, "stream": self._stream}

    async def ask(self, load: Load) -> None:
        """Make one request.

        Raises:
            RuntimeError: it is not answered, or wrongly.
        """
        began = time.perf_counter()
        async with self._http.post(self._url, json=self._body, headers={"Authorization": "Bearer bench"}) as answer:
            if answer.status != 200:  # noqa: PLR2004  # OK
                raise RuntimeError(f"{answer.status}: {(await answer.text())[:200]}")
            if self._stream:
                await self._pieces(answer, load)
            elif json.loads(await answer.read())["choices"][0]["message"]["content"] != ANSWER:
                raise RuntimeError("the answer is wrong")
        load.requests.append((time.perf_counter() - began) * 1000)

    async def _pieces(self, answer: aiohttp.ClientResponse, load: Load) -> None:
        numbers, delays = [], []
        async for line in answer.content:
            if not line.startswith(b"data: {"):
                continue
            for choice in json.loads(line[6:])["choices"]:
                for number, sent_at in _PIECE.findall(choice["delta"].get("content") or ""):
                    numbers.append(int(number))
                    delays.append((time.monotonic_ns() - int(sent_at)) / 1e6)
        load.wrong += sum(number != at for at, number in enumerate(numbers)) + (not numbers)
        load.delays += delays
        load.gaps.append(max((after - before for before, after in pairwise(delays)), default=0.0))


async def main(root: str, mode: str, connections: int, requests: int) -> None:
    """Measure, and print."""
    load, left = Load(), iter(range(requests))
    limits = aiohttp.TCPConnector(limit=connections)
    async with aiohttp.ClientSession(connector=limits, timeout=aiohttp.ClientTimeout(120)) as http:
        client = Client(http, f"{root}/v1/chat/completions", mode)

        async def repeat() -> None:
            for _ in left:
                await client.ask(load)

        await asyncio.gather(*(client.ask(Load()) for _ in range(connections) for _ in range(_WARM)))
        print("warm", flush=True)
        began = time.perf_counter()
        await asyncio.gather(*(repeat() for _ in range(connections)))
        load.seconds = time.perf_counter() - began
    print("took", json.dumps(asdict(load)), flush=True)


if __name__ == "__main__":
    run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
