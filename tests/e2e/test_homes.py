"""Events of one key in several partitions, as producers with several partitioners send them, on Kafka and restarted."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from app.brokers.ports import free_port
from app.partitioner import partition_of
from tests.e2e.commands import PATIENCE, Cli
from tests.e2e.raw import RawTopics

pytestmark = [pytest.mark.slow, pytest.mark.kafka]

_PARTITIONS = 8
_CONFIG = """\
app_id: homes
broker: {kind: kafka, port: PORT}
topics: {partitions: 8}
workflows: [workflows]
models: {one: {provider: scripted}}
ask: {models: [one], retrieve: false}
retrieval: {embedder: hashing}
server: {port: 0}
"""
_FIND = """\
id: find
answer: a
steps:
  r: {kind: retrieve, query: "{{ input.q }}", limit: 3}
  a: {kind: transform, value: steps.r.chunks}
"""
_EACH = range(8)
#: What happens to each document at its end; a tombstone is a null value.
_ENDS: dict[str, dict[str, Any] | None] = {
    "ghost": {"deleted": True},
    "null": None,
    "old": {"text": "The word {id} costs 2 euro."},
}
_IDS = [f"{kind}{number}" for kind in _ENDS for number in _EACH]


def _document(id_: str, fields: dict[str, Any] | None) -> bytes | None:
    if fields is None:
        return None
    return json.dumps({"id": id_, **fields}).replace("{id}", id_).encode()


def _spec(version: int) -> dict[str, Any]:
    steps = {"a": {"kind": "transform", "value": f"'from version {version}'"}}
    return {"id": "odd", "version": version, "steps": steps}


def _definition(kind: str, version: int) -> bytes:
    spec = {"spec": _spec(version)} if kind == "version" else {}
    at = "2026-11-24T10:49:00Z"  # all of the same time: the order on the topic counts
    return json.dumps({"kind": kind, "workflow": "odd", "version": version, "at": at, **spec}).encode()


class _Scene:
    """An orchestrator on a Kafka that keeps its data, and what is asked of it."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        (folder / "workflows").mkdir()
        (folder / "workflows" / "find.yaml").write_text(_FIND, encoding="utf-8")
        (folder / "meta-ai.yaml").write_text(_CONFIG.replace("PORT", str(self.port)), encoding="utf-8")
        self.cli = Cli(folder)
        self.asked = 0

    def topics(self) -> RawTopics:
        return RawTopics(f"127.0.0.1:{self.port}", _PARTITIONS)

    async def answers(self, topics: RawTopics, workflow: str, *inputs: dict[str, str]) -> list[Any]:
        """Return the answers to new tasks with these inputs."""
        ids = [f"q{self.asked + number}" for number in range(len(inputs))]
        self.asked += len(inputs)
        for number, (id_, given) in enumerate(zip(ids, inputs, strict=True)):
            task = {"id": id_, "workflow": workflow, "input": given}
            await topics.send("tasks", json.dumps(task).encode(), id_.encode(), number % _PARTITIONS)
        found = await topics.results(*ids)
        return [found[id_].get("answer") for id_ in ids]

    async def texts(self, topics: RawTopics) -> dict[str, str | None]:
        """Return the text that is found of each document."""
        found = await self.answers(topics, "find", *({"q": id_} for id_ in _IDS))
        chunks = {chunk["document_id"]: chunk["text"] for answer in found for chunk in answer or ()}
        return {id_: chunks.get(id_) for id_ in _IDS}


async def _deploy(topics: RawTopics, kind: str, version: int, partition: int) -> None:
    """Put a part of a deployment into a partition, and return when it is in that of its workflow."""
    before = len(await _at_home(topics))
    key = b"odd" if kind == "active" else f"odd/{version}".encode()
    await topics.send("definitions", _definition(kind, version), key, partition)
    async with asyncio.timeout(PATIENCE):
        while len(await _at_home(topics)) == before:  # noqa: ASYNC110  # the broker tells nobody
            await asyncio.sleep(0.1)


async def _at_home(topics: RawTopics) -> list[Any]:
    home = partition_of("odd", _PARTITIONS)
    return [record for record in await topics.records("definitions") if record.partition == home]


async def _until_answer(scene: _Scene, topics: RawTopics, answer: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while await scene.answers(topics, "odd", {}) != [answer]:  # noqa: ASYNC110  # nor does the worker
            await asyncio.sleep(0.1)


async def _change_documents(topics: RawTopics) -> None:
    for id_ in _IDS:
        number = int(id_[-1])
        first = _document(id_, {"text": "The word {id} costs 1 euro."})
        await topics.send("documents", first, id_.encode(), number)
    await topics.until("audit", lambda records: _ingested(records) >= len(_IDS))
    for id_ in _IDS:
        number = int(id_[-1])
        end = _document(id_, _ENDS[id_[:-1]])
        await topics.send("documents", end, id_.encode(), (number + 3) % _PARTITIONS)
    await topics.until("audit", lambda records: _ingested(records) >= 2 * len(_IDS))


def _ingested(records: list[Any]) -> int:
    return sum(json.loads(record.value)["action"].startswith("document.") for record in records)


async def test_what_was_last_said_of_a_key_holds_whatever_its_partitions_and_after_a_restart(tmp_path: Path) -> None:
    scene = _Scene(tmp_path)
    home = partition_of("odd", _PARTITIONS)
    right = {id_: f"The word {id_} costs 2 euro." if id_.startswith("old") else None for id_ in _IDS}
    with scene.cli.hosted():
        async with scene.topics() as topics:
            await _change_documents(topics)
            assert await scene.texts(topics) == right
            for distance, (kind, version) in enumerate(
                (("version", 1), ("version", 2), ("active", 1), ("active", 2)), start=1
            ):
                await _deploy(topics, kind, version, (home + distance) % _PARTITIONS)
            await _until_answer(scene, topics, "from version 2")
            await _deploy(topics, "active", 1, (home + 5) % _PARTITIONS)
            await _until_answer(scene, topics, "from version 1")
            assert "odd" in scene.cli("workflows", "list")
    with scene.cli.hosted():
        async with scene.topics() as topics:
            assert await scene.texts(topics) == right
            assert await scene.answers(topics, "odd", {}) == ["from version 1"]
            chunks = {record.key.decode(): record.partition for record in await topics.records("chunks")}
            assert chunks == {key: partition_of(key.removesuffix("/0"), _PARTITIONS) for key in chunks}
