from __future__ import annotations

import asyncio
import json
import re
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from typer.testing import CliRunner, Result

from app.brokers.base import Connection
from app.brokers.topics import ensure_topics
from app.cli.main import build
from app.client.client import Client, attach
from app.settings import Settings, TopicSettings
from tests.cli.runlog import Log, publish
from topics.base import Failure


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(tmp_path)
    for name in ("META_AI_CONFIG", "META_AI_DEBUG", "KAFKA_BOOTSTRAP_SERVERS"):
        monkeypatch.delenv(name, raising=False)
    topics = TopicSettings(prefix=f"t{secrets.token_hex(4)}-", partitions=2)
    Path("meta-ai.yaml").write_text(f"topics: {{prefix: {topics.prefix}, partitions: 2}}\n", encoding="utf-8")
    return Settings(topics=topics)


@pytest_asyncio.fixture
async def client(embedded: Connection, settings: Settings) -> AsyncIterator[Client]:
    await ensure_topics(embedded, settings.topics)
    async with attach(settings, embedded) as found:
        log = Log()
        log.task(workflow="w")
        log.model("answer", "a", "1", 0.1, 0.2, error=Failure(code="timeout", message="too\nslow"))
        log.result(1.0, status="failed", error=Failure(code="timeout", message="too slow"))
        await publish(found, log)
        yield found


async def _run(client: Client, *arguments: str) -> Result:
    line = ["logs", *arguments, "--bootstrap-servers", client.connection.bootstrap_servers]
    return await asyncio.to_thread(CliRunner().invoke, build(), line)


async def test_each_event_is_a_line_with_what_matters(client: Client) -> None:
    done = await _run(client, "q-1", "--follow")  # it has ended, so it ends
    lines = [re.split("  ", line, maxsplit=1) for line in done.stdout.splitlines()]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", time) for time, _ in lines)
    assert [said for _, said in lines] == [
        "tasks  w",
        "model-requests  answer  a  a",
        "model-responses  answer  a  a  0.100 s  timeout: too slow",
        "results  ask  failed  timeout: too slow",
    ]


async def test_programs_get_all_of_each_event(client: Client) -> None:
    found = [json.loads(line) for line in (await _run(client, "q-1", "--json")).stdout.splitlines()]
    assert found[0]["event"] == {"id": "q-1", "workflow": "w", "input": {"question": "why?"}}
    assert [one["ends"] for one in found] == [False, False, False, True]


async def test_an_unknown_run_is_guessed(client: Client) -> None:
    done = await _run(client, "q-11")
    assert (done.exit_code, "did you mean `q-1`?" in done.stderr) == (1, True)
