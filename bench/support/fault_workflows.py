"""Faults end to end: workflows on the embedded broker, each with a failing model and a healthy fallback."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import yaml
from aiokafka import AIOKafkaConsumer

from app.brokers.base import Connection
from app.cli.output import Output
from app.cli.workflows.deploy import deploy_files
from app.client.client import Client, attach
from app.settings import Settings
from bench.support import worker_settings
from bench.support.fault_table import FaultOutcome
from testkit.process import start
from testkit.provider.faulty import FaultyProviderUrls
from testkit.provider.upstream import ADAPTERS, SHORT_TIMEOUTS, model_settings
from topics import RESULTS, TASKS
from topics.results import Result
from topics.tasks import Task

_DEADLINE = 3 * SHORT_TIMEOUTS["total_timeout"]
_SLACK = 2.0
#: Seconds until the worker has read the deployed workflows.
_SETTLING = 1.0
_OWN = Connection("127.0.0.1:1")  # the worker starts its own broker; its topics exist when it is ready
_FETCH_WAIT_MS = 5


async def measure(places: FaultyProviderUrls, faults: Sequence[str], columns: Sequence[str]) -> list[FaultOutcome]:
    """Return how the runs ended, all at once in one worker."""
    cases = {_name(fault, column): (fault, column) for fault, column in product(faults, columns)}
    embedded = {"kind": "embedded"}
    settings = worker_settings.settings(
        _OWN, broker=embedded, models=_models(places, faults), ask={"models": ["healthy-chat"]}
    )
    subject = await start("bench.support.worker_process", settings.model_dump_json(exclude_unset=True))
    try:
        connection = Connection(await subject.says("broker"), fetch_wait_ms=_FETCH_WAIT_MS)
        await subject.says("ready")
        async with attach(settings, connection) as client:
            await _deploy(client, cases)
            return await _results(client, cases)
    finally:
        await subject.stop()


def _name(fault: str, column: str) -> str:
    return f"fault-{fault}-{column.replace(', ', '-')}"


def _models(places: FaultyProviderUrls, faults: Sequence[str]) -> dict[str, Any]:
    return {
        f"{fault}-{adapter}": model_settings(adapter, places.root(fault))
        for fault, adapter in product(faults, ADAPTERS)
    }


async def _deploy(client: Client, cases: Mapping[str, tuple[str, str]]) -> None:
    with tempfile.TemporaryDirectory(prefix="meta-ai-bench-") as folder:
        _write(Path(folder), cases)
        await deploy_files(client, [Path(folder)], Output(programs=True))
    await asyncio.sleep(_SETTLING)


def _write(folder: Path, cases: Mapping[str, tuple[str, str]]) -> None:
    for name, (fault, column) in cases.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(_workflow(name, fault, column)), encoding="utf-8")


def _workflow(name: str, fault: str, column: str) -> dict[str, Any]:
    adapter, mode = column.split(", ")
    step = {
        "kind": "ask",
        "models": [f"{fault}-{adapter}", f"healthy-{adapter}"] if fault != "healthy" else [f"healthy-{adapter}"],
        "routing": {"policy": "fixed", "choose": 1},
        "prompt": "What does every good answer have?",
        **({"stream": True} if mode == "stream" else {}),
    }
    return {"id": name, "deadline": f"{_DEADLINE:g}s", "steps": {"answer": step}, "answer": "answer"}


async def _results(client: Client, cases: Mapping[str, tuple[str, str]]) -> list[FaultOutcome]:
    """Send a task for each case, and return its cell when all have ended, or none can end any more."""
    cells: dict[str, FaultOutcome] = {}
    async with _reading(client.settings, client.connection) as consumer:
        started = time.monotonic()
        await asyncio.gather(
            *[await client.send(TASKS, name, Task(id=name, workflow=name, input={}), id=name) for name in cases]
        )
        while len(cells) < len(cases) and time.monotonic() - started < _DEADLINE + 2 * _SLACK:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    result = Result.model_validate_json(record.value)
                    cells[result.task_id] = _cell(*cases[result.task_id], result)
    late = [FaultOutcome(*cases[name], None, "", float("inf"), _DEADLINE) for name in cases.keys() - cells.keys()]
    return [*cells.values(), *late]


def _reading(settings: Settings, connection: Connection) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        settings.topics.prefix + RESULTS.name,
        bootstrap_servers=connection.bootstrap_servers,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=connection.fetch_wait_ms,
    )


def _cell(fault: str, column: str, result: Result) -> FaultOutcome:
    text = None
    if result.status == "succeeded":
        text = result.answer if isinstance(result.answer, str) else json.dumps(result.answer)
    seconds = (result.finished_at - result.accepted_at).total_seconds()
    code, message = (result.error.code, result.error.message) if result.error else ("", "")
    return FaultOutcome(fault, column, text, code, seconds, _DEADLINE + _SLACK, message=message)
