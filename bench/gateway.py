"""The gateway beside a direct call and the LiteLLM proxy: `python -m bench.gateway [--peer-python PATH]`.

All ask the same model on loopback, a process of its own, and take turns, so that what else the machine does falls on
all of them. Ours is one process with the gateway and a worker, and each answer goes through Apache Kafka, whose
processor time is counted apart; LiteLLM is one process that keeps nothing. What is added is the time beyond that of a
direct call over as many connections.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import tempfile
from argparse import ArgumentParser, Namespace
from asyncio.subprocess import PIPE
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from app.cli.event_loop import run
from bench.support import broker, worker_settings
from bench.support.figures import percentile, table
from testkit.process import MeasuredProcess, start

_DIRECT = "direct"
_LOAD = "bench.support.chat_load"
#: What is asked; each is a model of its own, as how long its answers take is what a worker learns of a model.
MODES = ("whole", "stream")
_READY_SECONDS = 120
#: Without a download of prices, and without keys, as ours on loopback.
_LITELLM = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOG": "ERROR",
    "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
}
_COLUMNS = (
    "mode",
    "connections",
    "side",
    "requests/s",
    "added p50 ms",
    "p95",
    "p99",
    "CPU ms a request",
    "requests/CPU s",
)
_STREAMED = (
    "connections",
    "side",
    "piece late p50 ms",
    "p99",
    "longest gap ms",
    "pieces wrong",
    "RSS MiB",
    "RSS + MiB",
)


@dataclass(frozen=True, slots=True)
class Side:
    """An API that is asked, at `root`."""

    root: str
    process: MeasuredProcess

    async def load(self, mode: str, connections: int, requests: int) -> dict[str, Any]:
        """Return what the load has measured, and the processor milliseconds of a request."""
        client = await start(_LOAD, self.root, mode, str(connections), str(requests))
        try:
            await client.says("warm")
            before, memory = self.process.cpu, self.process.rss
            found: dict[str, Any] = json.loads(await client.says("took", seconds=600))
            found["cpu"] = (self.process.cpu - before) / requests * 1000
            found["grown"], found["rss"] = self.process.rss - memory, self.process.rss
            return found
        finally:
            await client.stop()


@asynccontextmanager
async def upstream(options: Namespace) -> AsyncIterator[Side]:
    """Yield the model that all ask."""
    subject = await start("bench.support.chat_upstream", str(options.pieces), str(options.interval))
    try:
        port = await subject.says("port")
        await subject.says("ready")
        yield Side(f"http://127.0.0.1:{port}", subject)
    finally:
        await subject.stop()


@asynccontextmanager
async def ours(bootstrap: str | None, root: str) -> AsyncIterator[Side]:
    """Yield the gateway with a worker."""
    async with broker.kafka(bootstrap) as connection:
        model = {
            "provider": "openai",
            "model": "m",
            "base_url": f"{root}/v1",
            "api_key": "bench-key",
            "max_concurrency": 1000,
        }
        settings = worker_settings.settings(
            connection,
            models=dict.fromkeys(MODES, model),
            ask={"models": MODES, "retrieve": False},
            gateway={"port": 0},
        )
        subject = await start("bench.support.gateway_process", settings.model_dump_json())
        try:
            address = await subject.says("gateway")
            await _healthy(f"http://{address}/v1/health")
            yield Side(f"http://{address}", subject)
        finally:
            await subject.stop()


@asynccontextmanager
async def litellm(python: str, root: str) -> AsyncIterator[Side]:
    """Yield LiteLLM's proxy with one worker."""
    model = {"model": "openai/m", "api_base": f"{root}/v1", "api_key": "bench-key"}
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        taken.close()
        config = _written(folder, {"model_list": [{"model_name": mode, "litellm_params": model} for mode in MODES]})
        command = (str(Path(python).with_name("litellm")), "--config", str(config), "--host", "127.0.0.1")
        environment = {**os.environ, **_LITELLM}
        process = await asyncio.create_subprocess_exec(
            *command, "--port", str(port), "--num_workers", "1", env=environment, stdout=PIPE, stderr=PIPE
        )
        subject = MeasuredProcess(process)
        drained = asyncio.gather(*(_drain(one) for one in (process.stdout, process.stderr)))
        try:
            await _healthy(f"http://127.0.0.1:{port}/health/liveliness")
            yield Side(f"http://127.0.0.1:{port}", subject)
        finally:
            await subject.stop()
            await drained


def _written(folder: str, config: Any) -> Path:
    path = Path(folder, "config.yaml")
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


async def _drain(output: asyncio.StreamReader | None) -> None:
    while output and await output.read(1 << 16):
        pass


async def _healthy(url: str) -> None:
    async with asyncio.timeout(_READY_SECONDS), aiohttp.ClientSession() as http:
        while True:
            try:
                async with http.get(url) as answer:
                    if answer.status == 200:  # noqa: PLR2004  # OK
                        return
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(0.2)


async def main(options: Namespace) -> None:
    """Measure, and print."""
    async with AsyncExitStack() as stack:
        model = await stack.enter_async_context(upstream(options))
        sides = {_DIRECT: model, "ours": await stack.enter_async_context(ours(options.bootstrap, model.root))}
        if options.peer_python:
            sides["LiteLLM"] = await stack.enter_async_context(litellm(options.peer_python, model.root))
        whole = [("whole", count, await _rounds(sides, "whole", count, options)) for count in options.connections]
        streamed = [("stream", count, await _rounds(sides, "stream", count, options)) for count in options.streams]
    rows = [row for mode, count, found in (*whole, *streamed) for row in _added(mode, count, found)]
    print(table(_COLUMNS, rows), end="\n\n")
    print(table(_STREAMED, [row for _, count, found in streamed for row in _pieces(count, found)]))


Rounds = Mapping[str, list[dict[str, Any]]]


async def _rounds(sides: Mapping[str, Side], mode: str, connections: int, options: Namespace) -> Rounds:
    found: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    requests = max(connections, options.requests if mode == "whole" else connections * options.repeat)
    for _ in range(options.rounds):
        for name, side in sides.items():
            found[name].append(await side.load(mode, connections, requests))
    return found


def _added(mode: str, connections: int, found: Rounds) -> list[list[object]]:
    """Return a row for each side: what it adds to a direct call, and what it takes."""
    direct = {share: percentile(_all(found[_DIRECT], "requests"), share) for share in (0.5, 0.95, 0.99)}
    rows: list[list[object]] = []
    for name, rounds in found.items():
        took = _all(rounds, "requests")
        late = [percentile(took, share) - direct[share] * (name != _DIRECT) for share in direct]
        rate = len(took) / sum(one["seconds"] for one in rounds)
        cpu = sum(one["cpu"] for one in rounds) / len(rounds)
        rows.append([mode, connections, name, rate, *late, cpu, 1000 / cpu if cpu else 0.0])
    return rows


def _pieces(connections: int, found: Rounds) -> list[list[object]]:
    return [
        [
            connections,
            name,
            *(percentile(_all(rounds, "delays"), share) for share in (0.5, 0.99)),
            max(_all(rounds, "gaps")),
            sum(one["wrong"] for one in rounds),
            rounds[-1]["rss"],
            sum(one["grown"] for one in rounds),
        ]
        for name, rounds in found.items()
    ]


def _all(rounds: list[dict[str, Any]], name: str) -> list[float]:
    return [value for one in rounds for value in one[name]]


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__)
    broker.add_option(parser)
    parser.add_argument("--peer-python", help="the Python of an environment with LiteLLM's proxy")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 16, 64, 256])
    parser.add_argument("--requests", type=int, default=500, help="whole answers in each round")
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 16, 64, 256], help="at once")
    parser.add_argument("--repeat", type=int, default=2, help="streams of each connection in each round")
    parser.add_argument("--pieces", type=int, default=40, help="of a stream")
    parser.add_argument("--interval", type=float, default=0.05, help="seconds between two pieces")
    parser.add_argument("--rounds", type=int, default=3)
    run(main(parser.parse_args()))
