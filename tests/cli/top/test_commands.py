from __future__ import annotations

import asyncio
import io
import json
import secrets
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console
from rich.live import Live
from typer.testing import CliRunner

from app.admin.figures import FigureRow
from app.admin.overview import ModelRow, Overview, TopicRow
from app.brokers.base import Connection
from app.brokers.topics import ensure_topics
from app.cli.main import build
from app.cli.top import commands
from app.cli.top.commands import lines
from app.client.client import attach
from app.settings import Settings, TopicSettings

AT = datetime(2026, 12, 1, 12, 0, 0, tzinfo=UTC)
FIGURES = FigureRow(
    name="w",
    count=4,
    rate=0.01,
    errors={"timeout": 1},
    error_rate=0.25,
    p50=1.0,
    p95=2.0,
    p99=2.0,
    longest=2.0,
    cost=0.5,
)
OVERVIEW = Overview(
    at=AT,
    window=300.0,
    group="meta-ai",
    state="Stable",
    workers=1,
    topics=(TopicRow(topic="tasks", events=10, rate=1.5, waiting=2),),
    agents={"call_model": 3},
    runs=2,
    models=(
        ModelRow(model="a", calls=4, seconds=1.0, errors=0.5, open_until=AT),
        ModelRow(model="b", calls=1, seconds=0.1, errors=0.0),
    ),
    workflows=(FIGURES,),
    errors={"timeout": 1},
    dead_letters=3,
    cost=0.5,
)


def test_all_that_goes_on_is_in_the_view() -> None:
    assert [line for line, _ in lines(OVERVIEW, None)] == [
        "2026-12-01T12:00:00Z  meta-ai: Stable, 1 worker, 2 runs active",
        "",
        "topic  rate/s  waiting  events",
        "tasks    1.50        2      10",
        "",
        "agent       in flight",
        "call_model          3",
        "",
        "model  calls  seconds  errors  breaker",
        "a          4    1.000   50.0%  open until 2026-12-01T12:00:00Z",
        "b          1    0.100    0.0%  closed",
        "",
        "the last 5m: $0.5000",
        "workflow  runs  rate/s  p95 s  errors     cost",
        "w            4    0.01   2.00   25.0%  $0.5000",
        "1 failed with timeout",
        "3 dead letters; see meta-ai dead-letters list",
    ]


async def test_one_moment_is_shown_to_people_and_programs(
    embedded: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("META_AI_CONFIG", "META_AI_DEBUG", "KAFKA_BOOTSTRAP_SERVERS"):
        monkeypatch.delenv(name, raising=False)
    topics = TopicSettings(prefix=f"t{secrets.token_hex(4)}-", partitions=2)
    config = tmp_path / "c.yaml"
    config.write_text(f"topics: {{prefix: {topics.prefix}, partitions: 2}}\nserver: {{port: 1}}\n", encoding="utf-8")
    await ensure_topics(embedded, topics)
    line = ["top", "--config", str(config), "--bootstrap-servers", embedded.bootstrap_servers]
    shown = await asyncio.to_thread(CliRunner().invoke, build(), line)  # not a terminal: it ends by itself
    assert shown.exit_code == 0, shown.output
    assert f"{topics.prefix}tasks" in shown.stdout
    (said,) = (await asyncio.to_thread(CliRunner().invoke, build(), [*line, "--json"])).stdout.splitlines()
    assert json.loads(said)["topics"][0]["rate"] == 0.0


async def test_a_terminal_is_shown_one_moment_after_the_other(
    embedded: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Overview | None] = []

    async def take(_: object, __: str, ___: float, before: Overview | None) -> Overview:
        shown.append(before)
        if len(shown) == 3:
            raise KeyboardInterrupt
        return OVERVIEW

    monkeypatch.setattr(commands, "take", take)
    console = Console(file=io.StringIO(), width=30, height=50, force_terminal=True)
    async with attach(Settings(), embedded) as client:
        with pytest.raises(KeyboardInterrupt), Live(console=console, auto_refresh=False) as live:
            await commands._look(client, "", 60.0, 0.0, live)
    assert shown == [None, OVERVIEW, OVERVIEW]
    assert isinstance(console.file, io.StringIO)
    assert "call_model" in console.file.getvalue()
