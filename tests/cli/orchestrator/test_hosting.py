from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from app.admin import deployments
from app.brokers.base import Connection
from app.cli.orchestrator import hosting
from app.cli.output import Output
from app.client.client import attach
from app.errors import ConfigurationError
from app.settings import Settings, TopicSettings


def _write(folder: Path, prompt: str, more: str = "") -> list[Path]:
    text = f"{more}id: w\nsteps:\n  say: {{kind: ask, models: [local], prompt: {prompt}}}\n"
    (folder / "w.yaml").write_text(text, encoding="utf-8")
    return [folder]


@pytest.fixture
def settings() -> Settings:
    return Settings(topics=TopicSettings(prefix=f"t{secrets.token_hex(4)}-", partitions=2))


async def test_that_the_workflows_are_there_before_a_worker_starts(
    embedded: Connection, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for prompt in ("a", "b", "b"):
        await hosting.deploy(settings, embedded, _write(tmp_path, prompt), Output())
    assert capsys.readouterr().out.splitlines() == [f"workflow w version {version}" for version in (1, 2, 2)]
    async with attach(settings, embedded) as client:
        assert (await deployments.read(client)).numbers == {"w": 2}


async def test_that_a_version_with_other_content_stops_the_start(
    embedded: Connection, settings: Settings, tmp_path: Path
) -> None:
    await hosting.deploy(settings, embedded, _write(tmp_path, "a"), Output())
    with pytest.raises(ConfigurationError, match="version 1 is deployed with other content"):
        await hosting.deploy(settings, embedded, _write(tmp_path, "b", "version: 1\n"), Output())


async def test_that_without_workflows_the_broker_is_not_touched(embedded: Connection, settings: Settings) -> None:
    await hosting.deploy(settings, embedded, [], Output())
    async with attach(settings, embedded) as client:
        assert not [name for name in await client.partitions() if name.startswith(settings.topics.prefix)]
