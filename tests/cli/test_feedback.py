from __future__ import annotations

import json
import secrets
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.brokers.base import Connection
from app.brokers.topics import ensure_topics
from app.cli.main import build
from app.client.client import attach
from app.settings import Settings, TopicSettings
from topics import TASKS
from topics.tasks import Task


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Topics of their own, which the configuration in this folder names."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    prefix = f"t{secrets.token_hex(4)}-"
    Path("meta-ai.yaml").write_text(f"topics: {{prefix: {prefix}, partitions: 2}}\n", encoding="utf-8")
    return Settings(topics=TopicSettings(prefix=prefix, partitions=2))


@pytest.fixture
async def servers(embedded: Connection, settings: Settings) -> str:
    """A broker with one task."""
    await ensure_topics(embedded, settings.topics)
    async with attach(settings, embedded) as client:
        await (await client.send(TASKS, "q-1", Task(id="q-1", tenant="acme", input={}), id="q-1"))
    return embedded.bootstrap_servers


def call(servers: str, *arguments: str) -> Result:
    return CliRunner().invoke(build(), ["feedback", *arguments, "--bootstrap-servers", servers])


def test_that_feedback_is_given_and_listed(servers: str) -> None:
    assert call(servers, "list", "q-1").stdout == "no feedback\n"
    assert call(servers, "give", "q-1", "--thumb", "down", "--comment", "too long").stdout == "noted for q-1\n"
    given = json.loads(call(servers, "give", "q-1", "--score", "0.5", "--json").stdout)
    assert (given["tenant"], given["score"], given["actor"].startswith("meta-ai:")) == ("acme", 0.5, True)
    found = [json.loads(line) for line in call(servers, "list", "q-1", "--json").stdout.splitlines()]
    assert [(one.get("thumb"), one.get("score"), one["comment"]) for one in found] == [
        ("down", None, "too long"),
        (None, 0.5, ""),
    ]
    assert "too long" in call(servers, "list", "q-1").stdout


def test_that_feedback_on_nothing_or_of_nothing_is_refused(servers: str) -> None:
    unknown = call(servers, "give", "q-2", "--thumb", "up")
    assert (unknown.exit_code, "unknown run q-2" in unknown.stderr) == (1, True)
    assert call(servers, "give", "q-1").exit_code == 2
    assert call(servers, "give", "q-1", "--score", "2").exit_code == 2
