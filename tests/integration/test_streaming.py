"""Streams on Apache Kafka: models that are cut off, a worker that dies, and a reader that comes to the answer."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from app.brokers.base import Connection
from app.client.reader import Reader
from app.streamed_text import StreamedText
from testkit.cluster.harness import SHORT_SESSION
from tests.integration.test_workflows import Stage, configuration, stage
from topics import RESULT_CHUNKS
from topics.result_chunks import ResultChunk
from topics.tasks import Task

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

TEXT = "A stream that is cut off goes on with the next model, and whoever reads it sees one text in the end."
SCRIPT = {"default": TEXT, "piece_delay": 0.06}
MODELS: dict[str, Any] = {
    "broken": {"provider": "scripted", "attempts": 1, "options": {**SCRIPT, "cut_after": 7}},
    "sound": {"provider": "scripted", "options": SCRIPT},
}
CHAT = """\
id: chat
steps:
  say: {kind: ask, models: [broken, sound], prompt: "{{ task.id }}", stream: true}
"""


class _Readers:
    """What has been read of each task."""

    def __init__(self) -> None:
        self.texts: defaultdict[str, StreamedText] = defaultdict(StreamedText)
        self.streams: defaultdict[str, set[str]] = defaultdict(set)

    async def follow(self, reader: Reader) -> None:
        async for record in reader.coming():
            chunk = ResultChunk.model_validate_json(record.value)
            self.texts[chunk.task_id].add(chunk)
            self.streams[chunk.task_id].add(chunk.stream)


@asynccontextmanager
async def _reading(here: Stage) -> AsyncIterator[_Readers]:
    readers = _Readers()
    async with here.client.read(RESULT_CHUNKS) as reader:
        work = asyncio.create_task(readers.follow(reader))
        try:
            yield readers
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)


async def _tasks(here: Stage, *task_ids: str) -> None:
    await here.send(*(Task(id=task_id, workflow="chat", input={}) for task_id in task_ids))


async def test_that_the_readers_text_is_the_answer_though_a_model_is_cut_off(kafka: Connection, tmp_path: Path) -> None:
    async with stage(kafka, tmp_path, configuration(models=MODELS, ask={"models": ["sound"]})) as here:
        await here.deploy(CHAT)
        await here.workers.start()
        async with _reading(here) as readers:
            await _tasks(here, "a", "b")
            results = await here.results(["a", "b"])
            await here.traffic.until(lambda: all(readers.texts[one].ended for one in results), seconds=30)
    for task_id, result in results.items():
        assert result.answer == readers.texts[task_id].text == TEXT
        assert [candidate.model for candidate in result.candidates] == ["broken", "sound"]
        assert len(readers.streams[task_id]) == 2


async def test_that_the_readers_text_is_the_answer_though_a_worker_dies_during_it(
    kafka: Connection, tmp_path: Path
) -> None:
    task_ids = [f"k{number}" for number in range(8)]
    raw = configuration(models=MODELS, ask={"models": ["sound"]}, broker={"session_timeout": SHORT_SESSION})
    async with stage(kafka, tmp_path, raw) as here:
        await here.deploy(CHAT)
        (doomed,) = await here.workers.start()
        async with _reading(here) as readers:
            await _tasks(here, *task_ids)
            await here.traffic.until(lambda: len(readers.streams) == len(task_ids), seconds=30)
            await here.workers.kill(doomed)
            before = {task_id: set(streams) for task_id, streams in readers.streams.items()}
            await here.workers.start()
            results = await here.results(task_ids, seconds=90)
            await here.traffic.until(lambda: all(readers.texts[one].ended for one in task_ids), seconds=30)
    assert {task_id: readers.texts[task_id].text for task_id in task_ids} == dict.fromkeys(task_ids, TEXT)
    assert {result.answer for result in results.values()} == {TEXT}
    assert all(readers.streams[task_id] > streams for task_id, streams in before.items())
