"""`meta-ai stores` beside a running orchestrator: PostgreSQL, and the index in the worker's memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.commands import Cli

pytestmark = pytest.mark.slow

_CONFIG = """\
app_id: stores
topics: {partitions: 2}
models: {m: {provider: scripted}}
retrieval:
  embedder: hashing
  store: docs
  stores:
    docs: {kind: pgvector, endpoint: "URL", options: {index: e2e_docs}}
    memory: {kind: memory}
workflows: [both.yaml]
server: {port: 0}
gateway: {port: 0}
"""
_WORKFLOW = """\
id: both
steps:
  search: {kind: retrieve, query: "{{ input.question }}", stores: [docs, memory]}
"""


@pytest.fixture
def cli(tmp_path: Path, postgres_url: str) -> Iterator[Cli]:
    config = tmp_path / "meta-ai.yaml"
    config.write_text(_CONFIG.replace("URL", postgres_url), encoding="utf-8")
    (tmp_path / "both.yaml").write_text(_WORKFLOW, encoding="utf-8")
    folder = tmp_path / "birds"
    folder.mkdir()
    for name in ("owl", "jay", "kea"):
        (folder / f"{name}.md").write_text(f"# {name}\n\nThe {name} is a bird.\n", encoding="utf-8")
    found = Cli(tmp_path, "--config", str(config))
    with found.hosted():
        yield found


def test_a_store_is_filled_checked_made_anew_and_pruned(cli: Cli) -> None:
    cli("documents", "add", "birds", "--wait")
    _until_checked(cli, chunks=3)
    before = _listed(cli)
    made = cli.objects("stores", "reindex", "docs")[-1]
    after = _listed(cli)
    assert before["docs"]["index"] != after["docs"]["index"] == made["index"]
    assert after["docs"]["chunks"] == made["parts"] == 3
    assert after["memory"] == {"name": "memory", "kind": "memory", "region": None}

    (cli.folder / "tasks.jsonl").write_text(json.dumps({"workflow": "both", "input": {"question": "kea"}}) + "\n")
    result = cli.objects("tasks", "send", "tasks.jsonl", "--wait")[0]
    assert result["citations"][0]["document_id"] == "birds/kea.md"
    assert len(result["citations"]) == 3  # each once, although both stores have them

    assert [row["id"] for row in cli.objects("stores", "prune", "--source", "birds/o*", "--dry-run")] == [
        "birds/owl.md"
    ]
    _until_checked(cli, chunks=3)
    cli.objects("stores", "prune", "--source", "birds/o*")
    _until_checked(cli, chunks=2)
    assert cli.objects("stores", "prune", "--orphans") == [{"name": "docs", "orphans": 0}]
    _refused_with_the_fix(cli)


def _refused_with_the_fix(cli: Cli) -> None:
    config = cli.folder / "meta-ai.yaml"
    other = cli.folder / "other.yaml"
    other.write_text(config.read_text().replace("embedder: hashing", "embedder: minilm"), encoding="utf-8")
    other_cli = Cli(cli.folder, "--config", str(other))
    problem = next(row for row in other_cli.objects("stores", "list") if row["name"] == "docs")["problem"]
    assert "meta-ai stores reindex docs" in problem
    cli("stores", "reindex", "memory", exit_code=1)
    cli("stores", "prune", exit_code=2)


def _listed(cli: Cli) -> dict[str, dict[str, object]]:
    return {row["name"]: row for row in cli.objects("stores", "list")}


def _until_checked(cli: Cli, *, chunks: int) -> None:
    """Return when the store holds as many chunks, and what the topic holds."""
    for _ in range(100):
        row = json.loads(_printed(cli)[0])
        if (row["chunks"], row["missing"], row["orphans"]) == (chunks, 0, 0):
            return
    raise AssertionError(row)


def _printed(cli: Cli) -> list[str]:
    """Return what `check` prints, whichever way it exits."""
    try:
        return cli("stores", "check", "--json").splitlines()
    except AssertionError as error:  # some are missing: it exits with 1
        return [line for line in str(error).splitlines() if line.startswith("{")]
