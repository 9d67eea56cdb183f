from __future__ import annotations

import asyncio
import json
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from typer.testing import CliRunner, Result

from app.brokers.base import Connection
from app.brokers.topics import ensure_topics
from app.cli.main import build
from app.client.client import attach
from app.settings import Settings, TopicSettings
from tests.admin.test_spend_totals import spend
from topics import SPEND

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
RECORDS = (
    spend("a", at=NOW, tenant="acme", workflow="w", model="gpt"),
    spend("b", at=NOW - DAY, tenant="acme", model="gpt"),
    spend("c", at=NOW - 10 * DAY, model="claude"),
)


class _Cli:
    """Runs the command against the embedded broker, in a thread, as it has an event loop of its own."""

    def __init__(self, connection: Connection, config: Path) -> None:
        self._options = ["--bootstrap-servers", connection.bootstrap_servers, "--config", str(config)]

    async def __call__(self, *arguments: str) -> Result:
        line = ["spend", *arguments, *self._options]
        return await asyncio.to_thread(CliRunner().invoke, build(), line)

    async def objects(self, *arguments: str) -> list[Any]:
        done = await self(*arguments, "--json")
        assert done.exit_code == 0, done.output
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest_asyncio.fixture
async def cli(embedded: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[_Cli]:
    for name in ("META_AI_CONFIG", "META_AI_DEBUG", "KAFKA_BOOTSTRAP_SERVERS"):
        monkeypatch.delenv(name, raising=False)
    topics = TopicSettings(prefix=f"t{secrets.token_hex(4)}-", partitions=2)
    config = tmp_path / "meta-ai.yaml"
    config.write_text(f"topics: {{prefix: {topics.prefix}, partitions: 2}}\n", encoding="utf-8")
    await ensure_topics(embedded, topics)
    async with attach(Settings(topics=topics), embedded) as client:
        for record in (*RECORDS, *RECORDS):  # each of them twice
            await (await client.send(SPEND, record.task_id, record, id=record.id))
        await (await client.put(client.full_name(SPEND), b"t", b"no record", []))
    yield _Cli(embedded, config)


async def test_each_record_is_added_up_once_and_the_total_is_last(cli: _Cli) -> None:
    gpt, claude, total = await cli.objects()
    assert (gpt["by"], gpt["name"], gpt["calls"], gpt["cost"]) == ("model", "gpt", 2, 0.5)
    assert (claude["name"], claude["share"]) == ("claude", pytest.approx(1 / 3))
    assert (total["by"], total["name"], total["calls"], total["input_tokens"]) == ("total", "total", 3, 30)


@pytest.mark.parametrize(
    ("options", "calls"),
    [
        (["--since", "12h"], 1),
        (["--since", "7d"], 2),
        (["--tenant", "acme"], 2),
        (["--tenant", ""], 1),
        (["--tenant", "acme", "--workflow", "w"], 1),
        (["--workflow", "other"], 0),
    ],
)
async def test_only_what_is_wanted_is_added_up(cli: _Cli, options: list[str], calls: int) -> None:
    assert (await cli.objects(*options))[-1]["calls"] == calls


async def test_people_get_a_table_or_bars(cli: _Cli) -> None:
    done = await cli("--by", "tenant")
    assert done.exit_code == 0
    assert done.stdout.splitlines()[-1].split()[:2] == ["total", "3"]
    days = (await cli("--by", "day", "--since", "3d", "--plot")).stdout.splitlines()
    assert [line[:10] for line in days] == [f"{NOW - DAY:%Y-%m-%d}", f"{NOW:%Y-%m-%d}"]
    assert all("#" * 50 in line for line in days)
    assert "nothing was spent" in (await cli("--tenant", "nobody")).stdout


@pytest.mark.parametrize("wrong", [["--since", "later"], ["--by", "mood"], ["--plot", "--json"]])
async def test_what_cannot_be_is_wrong_usage(cli: _Cli, wrong: list[str]) -> None:
    assert (await cli(*wrong)).exit_code == 2


def _prices(folder: Path, *arguments: str, config: str = "{}") -> Result:
    path = folder / "meta-ai.yaml"
    path.write_text(config, encoding="utf-8")
    return CliRunner().invoke(build(), ["spend", "prices", *arguments, "--config", str(path)])


def test_prices_are_told_with_their_day_and_source_and_without_a_broker(tmp_path: Path) -> None:
    done = _prices(tmp_path, "gpt-4o")
    assert done.exit_code == 0
    assert "2025-12-11" in done.stdout
    assert "OpenAI: API pricing" in done.stdout
    assert "prices change" in done.stderr
    (local,) = map(json.loads, _prices(tmp_path, "--json").stdout.splitlines())
    assert (local["model"], local["known"]) == ("local", False)
    assert "not known" in _prices(tmp_path).stdout
    assert len(_prices(tmp_path, "--all", "--json").stdout.splitlines()) > 40


def test_the_users_file_is_used_and_its_faults_are_told(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(
        "sheets: [{provider: openai, as_of: 2026-10-01, models: {gpt-4o: {input: 77, output: 78}}}]", encoding="utf-8"
    )
    config = f"prices: {own}\n"
    (found,) = map(json.loads, _prices(tmp_path, "gpt-4o", "--json", config=config).stdout.splitlines())
    assert (found["input"], found["as_of"]) == (77, "2026-10-01")
    own.write_text("sheets: 1", encoding="utf-8")
    assert _prices(tmp_path, config=config).exit_code == 1


def test_the_servers_heavy_parts_are_not_loaded() -> None:
    absent = ("faust", "openai", "anthropic", "onnxruntime", "aiohttp", "jinja2", "numpy")
    code = (
        f"import sys; sys.path[:0] = {sys.path!r}\nimport app.cli.spend.commands\n"
        f"sys.exit(','.join(name for name in {absent!r} if name in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603  # our own code
    assert (done.returncode, done.stderr) == (0, "")
