from __future__ import annotations

import asyncio
import json
import secrets
import stat
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from app.admin.support_bundle import redact_by_form
from app.brokers.base import Connection
from app.brokers.topics import ensure_topics
from app.cli.main import build
from app.client.client import Client, attach
from app.settings import Settings, TopicSettings
from topics import DEAD_LETTERS, RESULTS, TASKS
from topics.base import Failure
from topics.dead_letters import DeadLetter
from topics.results import Result as RunResult
from topics.tasks import Task

#: A secret in every place that there is.
CONFIG = """\
topics: {{prefix: {prefix}, partitions: 2}}
models:
  m: {{provider: scripted}}
  a: {{provider: openai, model: gpt-5, api_key: planted-key-1, base_url: "http://me:planted-pw-2@127.0.0.1:1/v1?k=planted-q"}}
  b: {{provider: openai, model: gpt-5, api_keys: ["${{PLANTED_KEY}}"], base_url: "http://127.0.0.1:1/v1",
       options: {{headers: {{x-team: planted-header-3}}, body: {{token: planted-option-4}}}}}}
ask: {{models: [m]}}
cache: {{store: memory, url: "redis://:planted-pw-5@127.0.0.1:6379/0"}}
connectors:
  crm: {{kind: http, url: "http://me:planted-pw-6@127.0.0.1:1", headers: {{authorization: "Bearer planted-header-7"}}}}
server: {{port: 1}}
# a note: https://me:planted-pw-8@example.com
"""
ENVIRONMENT = {
    "PLANTED_KEY": "planted-env-1",
    "SOME_PASSWORD": "planted-env-2",
    "OPENAI_API_KEY": "sk-planted-env-3",
    "DATABASE_URL": "postgres://me:planted-env-4@127.0.0.1/x",
    "LLM_PROVIDER_CREDENTIALS": '{"anthropic": "planted-env-5"}',
    "OPENAI_CUSTOM_HEADERS": "x-gate: Bearer planted-env-6",
    "VECTOR_STORE_ENDPOINT": "http://me:planted-env-7@127.0.0.1:1",
}
LOG = """\
2026-12-01T00:00:00.000Z WARNING app: GET http://me:planted-log-1@127.0.0.1:1 failed
2026-12-01T00:00:00.000Z WARNING app: headers {'authorization': 'Bearer planted-log-2', 'x-api-key': 'planted-log-3'}
2026-12-01T00:00:00.000Z WARNING app: eyJplanted.eyJplanted.planted-log-4 and ghp_plantedlog5 and planted-env-2
2026-12-01T00:00:00.000Z WARNING app: the breaker of b is open
"""


@pytest.fixture
def topics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TopicSettings:
    monkeypatch.chdir(tmp_path)
    for name in ("META_AI_CONFIG", "META_AI_DEBUG", "KAFKA_BOOTSTRAP_SERVERS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    prefix = f"t{secrets.token_hex(4)}-"
    Path("meta-ai.yaml").write_text(CONFIG.format(prefix=prefix), encoding="utf-8")
    Path("worker.log").write_text(LOG, encoding="utf-8")
    return TopicSettings(prefix=prefix, partitions=2)


@pytest.fixture
async def client(embedded: Connection, topics: TopicSettings) -> AsyncIterator[Client]:
    await ensure_topics(embedded, topics)
    async with attach(Settings(topics=topics), embedded) as found:
        yield found


async def _fill(client: Client) -> None:
    now = datetime.now(UTC)
    task = Task(id="t-1", input={"question": "planted-question"})
    await (await client.send(TASKS, "t-1", task, id="t-1"))
    result = RunResult(
        task_id="t-1",
        workflow="w",
        status="failed",
        accepted_at=now,
        finished_at=now,
        answer="planted-answer",
        error=Failure(code="unavailable", message="http://me:planted-error-1@127.0.0.1:1 has gone"),
    )
    await (await client.send(RESULTS, "t-1", result, id="t-1"))
    error = "x-api-key: planted-error-2 was refused"
    letter = DeadLetter(topic="tasks", partition=0, offset=7, reason="invalid", error=error, agent="route")
    headers = [("authorization", b"Bearer planted-event-1"), *letter.headers()]
    await (await client.put(client.full_name(DEAD_LETTERS), b"k", b"planted-event-2", headers))


async def _run(client: Client, *arguments: str) -> Result:
    line = ["support-bundle", "--bootstrap-servers", client.connection.bootstrap_servers, *arguments]
    return await asyncio.to_thread(CliRunner().invoke, build(), line)


def _mode(path: str) -> int:
    return stat.S_IMODE(Path(path).stat().st_mode)


def _files(path: str) -> dict[str, str]:
    with zipfile.ZipFile(path) as archive:
        return {Path(name).name: archive.read(name).decode() for name in archive.namelist()}


async def test_no_secret_and_no_event_is_in_a_bundle_wherever_it_was(client: Client) -> None:
    await _fill(client)
    done = await _run(client, "--out", "b.zip", "--log", "worker.log", "--timeout", "2s")
    assert done.exit_code == 0, done.output
    files = _files("b.zip")
    found = {name: [line for line in text.splitlines() if "planted" in line] for name, text in files.items()}
    assert {name: lines for name, lines in found.items() if lines} == {}
    assert "planted" not in done.output
    assert _mode("b.zip") == 0o600


async def test_a_bundle_has_what_helps(client: Client) -> None:
    await _fill(client)
    (said,) = [json.loads(line) for line in (
        await _run(client, "--out", "b.zip", "--log", "worker.log", "--offline", "--json")
    ).stdout.splitlines()]  # fmt: skip
    files: dict[str, Any] = _files("b.zip")
    assert said == {"bundle": "b.zip", "files": [*files]}
    parsed = {name: json.loads(text) for name, text in files.items() if name.endswith(".json")}
    assert parsed["versions.json"]["aiokafka"]
    assert parsed["configuration.json"]["models"]["b"]["model"] == "gpt-5"
    assert "# a note" in files["configuration.yaml"]
    assert {one["check"] for one in parsed["doctor.json"]} >= {"broker", "topics", "models"}
    assert parsed["topics.json"][client.full_name(TASKS)]["partitions"] == 2
    assert parsed["group.json"]["topics"][0]["waiting"] == 1
    (letter,) = parsed["dead-letters.json"]
    assert (letter["id"], letter["bytes"]) == ("tasks/0/7", 15)
    assert [(one["task_id"], one["error"]["code"]) for one in parsed["failed-runs.json"]] == [("t-1", "unavailable")]
    assert "the breaker of b is open" in files["log.txt"]
    assert parsed["environment.json"]["OPENAI_API_KEY"] == "(set)"
    again = await _run(client, "--out", "b.zip", "--offline")
    assert (again.exit_code, "already exists" in again.stderr) == (1, True)


def test_without_a_broker_a_bundle_is_made_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(build(), ["support-bundle", "--offline", "--out", "b.zip"])
    assert done.exit_code == 0, done.output
    assert {"versions.json", "doctor.json", "metrics.txt"} <= _files("b.zip").keys()


@pytest.mark.parametrize(
    "text", ["the key of models.a", "sk- is no key", "see https://example.com/a@b", "cookies are fine"]
)
def test_what_only_looks_a_little_like_a_secret_stays(text: str) -> None:
    assert redact_by_form(text) == text
