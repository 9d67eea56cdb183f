"""A folder that is synced: what is new is found, what is gone is not, and nobody finds what is for nobody."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.commands import Cli

pytestmark = pytest.mark.slow

_CONFIG = """\
app_id: sources
topics: {partitions: 2}
models: {m: {provider: scripted, options: {default: "See the handbook."}}}
retrieval: {embedder: hashing}
server: {port: 0}
sources:
  handbook: {kind: files, url: handbook, schedule: 1h, allowed_roles: all}
  secret: {kind: files, url: secret, metadata: {kind: secret}}
"""


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    folder = tmp_path_factory.mktemp("sources")
    for name, text in {
        "handbook/a.md": "# Alpha\n\nThe first letter.",
        "handbook/b.md": "# Beta\n\nThe second letter.",
        "secret/c.md": "# Gamma\n\nThe third letter.",
    }.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "meta-ai.yaml").write_text(_CONFIG, encoding="utf-8")
    found = Cli(folder)
    with found.hosted():
        yield found


def listed(cli: Cli) -> set[str]:
    return {one["id"] for one in cli.objects("documents", "list")}


def synced(cli: Cli, *options: str, source: str = "handbook", exit_code: int = 0) -> dict[str, Any]:
    (state,) = cli.objects("documents", "sync", source, *options, exit_code=exit_code)
    counts: dict[str, Any] = state["counts"]
    return {name: count for name, count in counts.items() if count}


def ingested(cli: Cli, *ids: str) -> None:
    for _ in range(100):
        if listed(cli) == set(ids):
            return
    pytest.fail(f"{listed(cli)} are searchable, not {ids}")


def test_that_a_folder_is_synced_and_what_is_gone_is_deleted(cli: Cli) -> None:
    assert sum(synced(cli).values()) == 4  # by the schedule before, or now
    assert synced(cli) == {"found": 2, "unchanged": 2}
    ingested(cli, "handbook/a.md", "handbook/b.md")
    (cli.folder / "handbook" / "a.md").unlink()
    (cli.folder / "handbook" / "d.md").write_text("# Delta\n\nThe fourth letter.", encoding="utf-8")
    assert synced(cli, "--dry-run") == {"found": 2, "sent": 1, "unchanged": 1, "deleted": 1}
    assert synced(cli) == {"found": 2, "sent": 1, "unchanged": 1, "deleted": 1}
    ingested(cli, "handbook/b.md", "handbook/d.md")
    (row,) = [one for one in cli.objects("documents", "sources") if one["name"] == "handbook"]
    assert (row["documents"], row["sync"]["status"]) == (2, "succeeded")


def test_that_nobody_finds_what_has_no_roles(cli: Cli) -> None:
    assert synced(cli, source="secret") == {"found": 1, "sent": 1}
    ingested(cli, "handbook/b.md", "handbook/d.md", "secret/c.md")
    assert "none: nobody finds it" in cli("documents", "show", "secret/c.md")
    (answer,) = cli.objects("ask", "What is the third letter, Gamma?")
    assert "secret/c.md" not in str(answer)


def test_that_a_failed_sync_and_an_unknown_source_are_told(cli: Cli) -> None:
    (cli.folder / "secret" / "c.md").rename(cli.folder / "kept.md")
    (cli.folder / "secret").rmdir()
    assert "source_unavailable: " in cli("documents", "sync", "secret", exit_code=1)
    assert "secret/c.md" in listed(cli)
    assert "did you mean `handbook`?" in cli("documents", "sync", "handbok", exit_code=1)
