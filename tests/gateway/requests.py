"""Requests to a gateway under test, and what a worker would send."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import aiohttp

from app.client.client import Client
from app.partitioner import partition_of
from topics import DEFINITIONS, RESULT_CHUNKS, RESULTS
from topics.definitions import DefinitionEvent
from topics.result_chunks import ResultChunk
from topics.results import Result

NOW = datetime(2026, 1, 1, tzinfo=UTC)


async def call(
    http: aiohttp.ClientSession, method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, dict[str, Any]]:
    """Return the status and the JSON of an answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with http.request(method, path, json=body, headers=named) as answer:
        return answer.status, json.loads(await answer.text())


async def submit(http: aiohttp.ClientSession, **fields: Any) -> str:
    """Send a task, and return its id."""
    status, said = await call(http, "POST", "/v1/tasks", {"input": {"question": "why?"}, **fields})
    assert status == 202
    task_id: str = said["id"]
    return task_id


async def deploy(
    client: Client, workflow: str, version: int, steps: dict[str, Any], *, elsewhere: bool = False, **fields: Any
) -> None:
    """Deploy a version of a workflow with further fields; with `elsewhere`, in another partition than its own."""
    partitions = client.settings.topics.partitions
    partition = (partition_of(workflow, partitions) + elsewhere) % partitions
    spec = {"id": workflow, "version": version, "steps": steps, **fields}
    for kind, key in (("version", f"{workflow}/{version}"), ("active", workflow)):
        event = DefinitionEvent(kind=kind, workflow=workflow, version=version, spec=spec, at=NOW)
        await (await client.send(DEFINITIONS, key, event, id=key, partition=partition))


def waiting(signal: str) -> dict[str, Any]:
    """Return the steps of a workflow that waits for a signal."""
    return {"approval": {"kind": "wait", "signal": signal}}


async def finish(client: Client, task_id: str, **fields: Any) -> Result:
    """Send the result of a task."""
    known = {"status": "succeeded", "answer": "because"} | fields
    result = Result(task_id=task_id, workflow="ask", accepted_at=NOW, finished_at=NOW, **known)
    await (await client.send(RESULTS, task_id, result, id=f"{task_id}/result"))
    return result


async def say(client: Client, task_id: str, index: int, text: str, **fields: Any) -> None:
    """Send a piece of the answer to a task."""
    known = {"step": "answer", "branch": "m", "model": "m", "request_id": "r", "stream": "r#1.1"} | fields
    chunk = ResultChunk(task_id=task_id, index=index, text=text, **known)
    await (await client.send(RESULT_CHUNKS, task_id, chunk, id=f"{task_id}/{chunk.stream}/{index}"))


async def events(answer: aiohttp.ClientResponse) -> AsyncIterator[dict[str, str]]:
    """Yield the events of a stream, each with its fields; a comment is one too."""
    assert answer.content_type == "text/event-stream"
    fields: dict[str, str] = {}
    async for line in answer.content:
        name, colon, value = line.decode().rstrip("\n").partition(": ")
        if colon:
            fields[name or "comment"] = value
        elif fields:
            yield fields
            fields = {}
