"""The baseline: a bare Faust application that moves as many messages of the same size over the same topics.

`python -m bench.support.bare_process SPEC-AS-JSON`. It parses nothing, keeps nothing and promises nothing: values and
headers are the ones given, keys are passed on, and Faust's own acknowledgement may lose events.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
from base64 import b64decode
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import faust

from app.cli.event_loop import run
from bench.support.worker_settings import MODELS


@dataclass(frozen=True, slots=True)
class RecordedMessage:
    """The message that is sent to one topic repeatedly."""

    value: bytes
    headers: list[tuple[str, bytes]]


def build(name: str, bootstrap: str, prefix: str, samples: Mapping[str, RecordedMessage]) -> faust.App:
    """Return the application."""
    app = faust.App(
        name,
        broker=f"kafka://{bootstrap}",
        store="memory://",
        web_enabled=False,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
    )

    def topic(of: str) -> Any:
        return app.topic(prefix + of, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")

    async def forward(to: Any, key: bytes, sample: RecordedMessage) -> None:
        await to.send(key=key, value=sample.value, headers=sample.headers)

    def hop(source: Any, target: str, copies: int = 1) -> None:
        to, sample = topic(target), samples[target]

        async def agent(stream: Any) -> None:
            async for event in stream.events():
                for _ in range(copies):
                    await forward(to, event.key, sample)

        app.agent(source, name=f"to-{target}")(agent)

    hop(topic("tasks"), "retrieval-requests")
    hop(topic("retrieval-requests"), "retrieval-results")
    hop(topic("retrieval-results"), "model-requests", len(MODELS))
    hop(topic("model-requests"), "model-responses")
    results, result = topic("results"), samples["results"]

    async def join(stream: Any) -> None:
        seen: Counter[bytes] = Counter()
        async for event in stream.events():
            seen[event.key] += 1
            if seen[event.key] == len(MODELS):
                del seen[event.key]
                await forward(results, event.key, result)

    app.agent(topic("model-responses"), name="to-results")(join)
    return app


async def main(spec: Mapping[str, Any]) -> None:
    """Forward messages until told to stop."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    samples = {
        topic: RecordedMessage(b64decode(value), [(name, b64decode(header)) for name, header in headers])
        for topic, (value, headers) in spec["samples"].items()
    }
    app = build(spec["name"], spec["bootstrap"], spec["prefix"], samples)
    app.finalize()
    await app.start()
    while not app.consumer.assignment() or app.rebalancing:  # noqa: ASYNC110  # Faust sends no notification
        await asyncio.sleep(0.05)
    print("ready", flush=True)
    await stop.wait()
    await app.stop()


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    run(main(json.loads(sys.argv[1])))
