"""An orchestrator whose settings are full of planted secrets, and whose providers all fail."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from app.brokers.ports import free_port
from testkit.cluster.workers import ROOT
from testkit.provider.faulty import ALL, FaultyProviderUrls
from testkit.provider.upstream import ADAPTERS, model_settings
from tests.integration.canaries import CANARIES
from tests.integration.collector import Collector
from topics.tasks import Task

_PATIENCE = 150.0


def guarded(adapter: str, root: str) -> dict[str, Any]:
    """Return the settings of a model with a secret wherever there can be one."""
    raw = model_settings(adapter, root, api_key=CANARIES["api_key"])
    return {**raw, "options": {**raw.get("options", {}), "headers": {"x-canary": CANARIES["header"]}}}


def configuration(places: FaultyProviderUrls, port: int, faults: Sequence[str] = ALL) -> dict[str, Any]:
    """Return settings with a model for each fault and adapter, and more where a pool has the secret."""
    models = {
        f"m-{fault}-{adapter}": guarded(adapter, places.root(fault)) for fault, adapter in product(faults, ADAPTERS)
    }
    for adapter in ADAPTERS:
        pool = {"api_key": None, "api_keys": [CANARIES["api_key"], CANARIES["second of api_keys"]]}
        models[f"m-401-{adapter}-pool"] = guarded(adapter, places.root("401")) | pool
    return {
        "app_id": "canaries",
        "broker": {"security": {"username": "worker", "password": CANARIES["password of the broker"]}},
        "topics": {"partitions": 4},
        "models": models,
        "ask": {"models": [next(iter(models))]},
        "connectors": {"shop": {"url": places.root("401"), "headers": {"x-canary": CANARIES["header of a connector"]}}},
        "retrieval": {"embedder": "hashing"},
        "workflows": ["workflows"],
        "server": {"port": port},
        "telemetry": {"log_level": "DEBUG", "tracing": True},
    }


def workflows(models: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return a workflow for each model and way to ask it, and one that calls the connector."""
    found = {
        f"{name}-{'stream' if stream else 'whole'}": {
            "kind": "ask",
            "models": [name],
            "prompt": "What does every good answer have?",
            **({"stream": True} if stream else {}),
        }
        for name, stream in product(models, (False, True))
    }
    asked = {"method": "POST", "path": ["v1", "messages"], "json": {"model": "m"}}
    found["shop"] = {"kind": "connector", "connector": "shop", "arguments": asked}
    return {
        name: {"id": name, "deadline": "40s", "steps": {"it": step}, "answer": "it"} for name, step in found.items()
    }


def ambient() -> dict[str, str]:
    """Return the headers that the SDKs take from the environment."""
    header = f"x-ambient: {CANARIES['header of the environment']}"
    return {"ANTHROPIC_CUSTOM_HEADERS": header, "OPENAI_CUSTOM_HEADERS": header}


@dataclass(frozen=True, slots=True)
class Scene:
    """The files of a test, and what its processes are told by their environment."""

    folder: Path
    environment: Mapping[str, str]
    raw: Mapping[str, Any]

    async def start(self, *arguments: str, name: str) -> Process:
        """Start a command, whose output goes to files of this name."""
        command = (sys.executable, "-m", "meta_ai_orchestrator", *arguments)
        out, err = (self.folder / f"{name}.{kind}" for kind in ("out", "err"))
        with out.open("wb") as stdout, err.open("wb") as stderr:
            return await asyncio.create_subprocess_exec(
                *command, cwd=self.folder, env=self.environment, stdin=DEVNULL, stdout=stdout, stderr=stderr
            )

    async def command(self, *arguments: str) -> bytes:
        """Return all that a command says."""
        command = (sys.executable, "-m", "meta_ai_orchestrator", *arguments)
        process = await asyncio.create_subprocess_exec(
            *command, cwd=self.folder, env=self.environment, stdin=DEVNULL, stdout=PIPE, stderr=PIPE
        )
        said = await asyncio.wait_for(process.communicate(), _PATIENCE)
        return b"\n".join(said)

    def state(self) -> dict[str, Any]:
        """Return what the running orchestrator says of itself."""
        found: dict[str, Any] = json.loads((self.folder / ".meta-ai" / "run.json").read_text(encoding="utf-8"))
        return found


def scene(folder: Path, places: FaultyProviderUrls, collector: Collector) -> Scene:
    raw = configuration(places, free_port())
    (folder / "workflows").mkdir()
    for name, workflow in workflows(raw["models"]).items():
        (folder / "workflows" / f"{name}.yaml").write_text(yaml.safe_dump(workflow), encoding="utf-8")
    (folder / "config.yaml").write_text(yaml.safe_dump(raw), encoding="utf-8")
    ours = {
        "PYTHONPATH": str(ROOT / "sdk" / "python"),
        "ORCHESTRATOR_GATEWAY_PORT": "0",
        "META_AI_CONFIG": str(folder / "config.yaml"),
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_BSP_SCHEDULE_DELAY": "500",
        "SSL_CERT_FILE": places.authority,
        **ambient(),
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("META_AI", "KAFKA"))}
    return Scene(folder, kept | ours, raw)


@asynccontextmanager
async def orchestrator(here: Scene) -> AsyncIterator[None]:
    """Run the orchestrator meanwhile, and see it end."""
    process = await here.start("orchestrator", "run", "--json", name="orchestrator")
    try:
        async with asyncio.timeout(_PATIENCE):
            while b'"ready"' not in (here.folder / "orchestrator.out").read_bytes():
                assert process.returncode is None, (here.folder / "orchestrator.err").read_text(errors="replace")[
                    -4000:
                ]
                await asyncio.sleep(0.1)
        yield
        process.terminate()
        await asyncio.wait_for(process.wait(), _PATIENCE)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def drive(here: Scene) -> None:
    """Have every model asked in every way, and wait for what comes of it; a message that is no task goes along."""
    servers, waiting = here.state()["bootstrap_servers"], set(workflows(here.raw["models"]))
    results = AIOKafkaConsumer("results", "dead-letters", bootstrap_servers=servers, auto_offset_reset="earliest")
    async with AIOKafkaProducer(bootstrap_servers=servers) as producer, results, asyncio.timeout(_PATIENCE):
        for name in waiting:
            task = Task(id=name, workflow=name, input={})
            await producer.send("tasks", task.to_json(), key=name.encode())
        await producer.send("tasks", b"no task at all", key=b"garbage")
        waiting.add("garbage")
        while waiting:
            waiting.discard((await results.getone()).key.decode())


async def pages(here: Scene) -> dict[str, str]:
    """Return what the worker serves."""
    address = here.state()["http"]
    async with aiohttp.ClientSession() as session:
        return {page: await _get(session, f"http://{address}/{page}") for page in ("metrics", "readyz", "healthz")}


async def _get(session: aiohttp.ClientSession, url: str) -> str:
    async with session.get(url) as response:
        return await response.text()
