"""The audit as operators see it: real processes link what they do, and tampering with the topics is found."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.brokers.base import Connection
from app.brokers.topics import ensure_topics
from app.cli.audit import chains
from app.client.client import Client, attach
from app.settings import AuditSettings, Settings, TopicSettings
from tests.e2e.commands import PATIENCE, Cli
from topics import AUDIT, AUDIT_CHAIN
from topics.base import Topic

pytestmark = pytest.mark.slow

_CONFIG = """\
app_id: audited
topics: {partitions: 2}
models:
  sound: {provider: scripted, options: {default: "Yes."}}
retrieval: {embedder: hashing}
server: {port: 0}
gateway: {enabled: false}
audit: {key: "${AUDIT_KEY:-a key of this test}"}
"""
_WORKFLOW = """\
id: greet
steps:
  say: {kind: ask, models: [sound], prompt: "Hello"}
"""


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    """An orchestrator that has done something: two deployments, and five documents."""
    folder = tmp_path_factory.mktemp("audit")
    (folder / "meta-ai.yaml").write_text(_CONFIG, encoding="utf-8")
    (folder / "greet.yaml").write_text(_WORKFLOW, encoding="utf-8")
    for number in range(5):
        (folder / f"d{number}.md").write_text(f"Document {number}.\n", encoding="utf-8")
    found = Cli(folder)
    with found.hosted():
        found("orchestrator", "deploy", "greet.yaml", "--actor", "eve")
        (folder / "greet.yaml").write_text(_WORKFLOW.replace("Hello", "Good day"), encoding="utf-8")
        found("orchestrator", "deploy", "greet.yaml", "--actor", "adam")
        found("documents", "add", *(f"d{number}.md" for number in range(5)))
        until = time.monotonic() + PATIENCE
        while sum(one["pending"] for one in found.objects("audit", "verify")):
            assert time.monotonic() < until
        yield found


def test_that_it_says_who_did_what(cli: Cli) -> None:
    everything = cli.objects("audit", "list")
    assert len(everything) == 7
    assert [one["at"] for one in everything] == sorted(one["at"] for one in everything)
    (by_eve,) = cli.objects("audit", "list", "--actor", "eve")
    assert (by_eve["action"], by_eve["subject"]) == ("workflow.deployed", "greet")
    assert len(cli.objects("audit", "list", "--action", "document")) == 5
    assert "adam" in cli("audit", "list", "--subject", "greet")
    assert cli("audit", "list", "--actor", "nobody") == "nothing in the audit\n"


def test_that_what_nobody_touched_is_verified(cli: Cli) -> None:
    assert cli("audit", "verify") == "7 records verified, 0 problems\n"
    reports = cli.objects("audit", "verify")
    assert sum(one["verified"] for one in reports) == 7
    assert sum(one["unkeyed"] for one in reports) == 0


def _edit(records: list[Any]) -> list[Any]:
    return [(key, value.replace(b"eve", b"bob")) for key, value in records]


def _remove(records: list[Any]) -> list[Any]:
    return [one for one in records if b"eve" not in one[1]]


def _swap(records: list[Any]) -> list[Any]:
    return [*reversed(records[:2]), *records[2:]] if len(records) > 1 else records


def _truncate(records: list[Any]) -> list[Any]:
    return records[:-1]


def _same(records: list[Any]) -> list[Any]:
    return records


@pytest.mark.parametrize(
    ("tamper", "problem"),
    [(_same, None), (_edit, "edited"), (_remove, "missing"), (_swap, "edited"), (_truncate, "missing")],
)
async def test_that_tampering_is_found(cli: Cli, tamper: Callable[[list[Any]], list[Any]], problem: str | None) -> None:
    """The topics as somebody made them anew who may write to Kafka: here, under another prefix."""
    state = json.loads((cli.folder / ".meta-ai" / "run.json").read_text(encoding="utf-8"))
    connection = Connection(state["bootstrap_servers"])
    key = AuditSettings.model_validate({"key": "a key of this test"})
    original = Settings(topics=TopicSettings(partitions=2), audit=key)
    copied = Settings(topics=TopicSettings(prefix=f"{tamper.__name__}-", partitions=2), audit=key)
    await ensure_topics(connection, copied.topics)
    async with attach(original, connection) as source, attach(copied, connection) as target:
        for topic, change in ((AUDIT, tamper), (AUDIT_CHAIN, _same)):
            for partition, records in (await _held(source, topic)).items():
                for record_key, value in change(records):
                    await (await target.put(target.full_name(topic), record_key, value, [], partition))
        reports = await chains.verify(target)
    found = {one.problem for report in reports for one in report.findings}
    assert problem in found if problem else not found
    assert all(report.unkeyed == 0 for report in reports)


async def _held(client: Client, topic: Topic[Any]) -> dict[int, list[Any]]:
    by_partition: dict[int, list[Any]] = {0: [], 1: []}
    async with client.read(topic, from_beginning=True) as reader:
        async for record in reader.held():
            by_partition[record.partition].append((record.key, record.value))
    return by_partition


def test_that_anchors_are_kept_in_a_file_and_compared(cli: Cli) -> None:
    for _ in range(2):
        assert cli("audit", "anchor", "--output", "anchors.jsonl").startswith("noted the heads of 2 partitions")
    assert cli("audit", "verify", "--anchor", "anchors.jsonl") == "7 records verified, 0 problems\n"
    file = cli.folder / "anchors.jsonl"
    digest = cli.objects("audit", "verify")[0]["digest"]
    file.write_text(file.read_text(encoding="utf-8").replace(digest, "0" * 64), encoding="utf-8")
    said = cli("audit", "verify", "--anchor", "anchors.jsonl", exit_code=1)
    assert "was followed by another chain" in said
    assert "7 records verified, 2 problems" in said
