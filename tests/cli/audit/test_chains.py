from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from app.audit.chain import next_link
from app.brokers.base import Connection
from app.brokers.topics import ensure_topics
from app.cli.audit import chains
from app.client.client import Client, attach
from app.errors import ConfigurationError
from app.settings import AuditSettings, Settings, TopicSettings
from topics import AUDIT_CHAIN

SECRET = "0123456789abcdef"


@pytest_asyncio.fixture
async def client(embedded: Connection) -> AsyncIterator[Client]:
    settings = Settings(topics=TopicSettings(prefix=f"t{secrets.token_hex(4)}-", partitions=2))
    await ensure_topics(embedded, settings.topics)
    async with attach(settings, embedded) as found:
        yield found


async def link(client: Client, secret: str = "") -> None:
    found = next_link(None, 1, 0, key=b"k", value=b"v", secret=secret.encode())
    await (await client.send(AUDIT_CHAIN, "1/0", found, id="x", partition=1))


async def test_that_a_keyed_chain_needs_its_key(client: Client, embedded: Connection) -> None:
    await link(client, SECRET)
    with pytest.raises(ConfigurationError, match=r"set audit\.key"):
        await chains.verify(client)
    keyed = client.settings.model_copy(update={"audit": AuditSettings.model_validate({"key": SECRET})})
    async with attach(keyed, embedded) as other:
        (_, found) = await chains.verify(other)
    assert [one.problem for one in found.findings] == ["missing"]


async def test_that_what_is_no_link_does_not_stand_in_for_one(client: Client) -> None:
    await link(client)
    await (await client.put(client.full_name(AUDIT_CHAIN), b"1/1", b"no link", [], 1))
    anchor = await chains.anchor(client)
    assert list(anchor.heads) == [1]
    assert anchor.head(1) is not None
    assert anchor.head(0) is None


def test_that_a_file_of_anchors_is_read_line_by_line(tmp_path: Path) -> None:
    file = tmp_path / "anchors"
    line = '{"at": "2026-01-01T00:00:00Z", "topic": "audit", "heads": {"0": [3, "ab"]}}\n'
    file.write_text(f"{line}\n{line}", encoding="utf-8")
    assert [anchor.heads for anchor in chains.read_anchors(file)] == [{0: (3, "ab")}] * 2
    file.write_text('{"at": 3}', encoding="utf-8")
    with pytest.raises(ConfigurationError, match="each line must be an anchor"):
        chains.read_anchors(file)
    file.write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match="cannot be read: it is not UTF-8"):
        chains.read_anchors(file)
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        chains.read_anchors(tmp_path / "none")
