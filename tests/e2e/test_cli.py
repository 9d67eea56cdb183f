"""The command line as people use it: the real process, the embedded broker, models that follow a script."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.e2e.commands import PATIENCE, ROOT, Cli, environment

pytestmark = pytest.mark.slow

_CONFIG = """\
app_id: e2e
topics: {partitions: 2}
models:
  one: {provider: scripted, options: {default: "When it is acknowledged [1]."}}
  two: {provider: scripted, options: {default: "When it is acknowledged [1]."}}
ask: {models: [one, two]}
retrieval: {embedder: hashing}
server: {port: 0}
"""


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    folder = tmp_path_factory.mktemp("cli")
    (folder / "meta-ai.yaml").write_text(_CONFIG, encoding="utf-8")
    found = Cli(folder)
    with found.hosted():
        yield found
    assert not (folder / ".meta-ai" / "run.json").exists()


def test_a_question_is_answered_from_documents(cli: Cli) -> None:
    (cli.folder / "kb").mkdir()
    (cli.folder / "kb" / "commits.md").write_text("# Commits\n\nAn offset is committed when it is acknowledged.\n")
    assert cli.objects("documents", "add", "kb", "--wait")[0]["id"] == "kb/commits.md"
    result = cli.objects("ask", "When is an offset committed?")[0]
    assert result["answer"] == "When it is acknowledged [1]."
    assert result["citations"][0]["source"] == "kb/commits.md"
    shown = cli("ask", "When is an offset committed?")
    assert "[1] kb/commits.md:1-3 Commits" in shown


def test_tasks_from_a_file_have_results(cli: Cli) -> None:
    lines = ['{"id": "t-1", "question": "a"}', "nonsense", '{"id": "t-2", "input": {"question": "b"}}']
    shown = cli("tasks", "send", "-", "--wait", text="\n".join(lines), exit_code=1)
    assert "line 2: " in shown
    assert "2 sent, 1 bad, 2 succeeded, 0 failed, 0 unanswered" in shown
    again = cli("tasks", "send", "-", "--wait", text=lines[0])
    assert "already processed earlier: 1" in again
    assert "1 sent, 0 bad, 1 succeeded, 0 failed, 0 unanswered" in again
    results = cli.objects("results", "tail", "--from-beginning", "--limit", "2")
    assert all(result["status"] == "succeeded" for result in results)


def test_a_dead_letter_is_shown_corrected_and_replayed(cli: Cli) -> None:
    _put_garbage(cli)
    letter = cli.objects("dead-letters", "list")[0]
    assert letter["reason"] == "not_utf8"
    assert "hex 67617262 616765ff" in cli("dead-letters", "show", letter["id"])
    before = next(row["events"] for row in cli.objects("topics", "list") if row["topic"] == "results")
    (cli.folder / "corrected.json").write_text('{"id": "mended", "input": {"question": "q"}}', encoding="utf-8")
    assert cli.objects("dead-letters", "replay", letter["id"], "--value", "corrected.json") == [
        {"replayed": letter["id"]}
    ]
    results = cli.objects("results", "tail", "--from-beginning", "--limit", str(before + 1))
    assert "mended" in {result["task_id"] for result in results}
    assert cli.objects("dead-letters", "list")[0]["replayed"]
    assert "nothing to replay" in cli("dead-letters", "replay", "--all")
    assert "unknown dead letter" in cli("dead-letters", "show", "tasks/0/999", exit_code=1)


def test_the_good_documents_of_a_folder_are_sent_and_all_bad_ones_named(cli: Cli) -> None:
    folder = cli.folder / "mixed"
    folder.mkdir()
    (folder / "a-wide.md").write_bytes("# Wide\n".encode("utf-16"))
    (folder / "b-latin.txt").write_bytes(b"Gr\xfc\xdfe")
    (folder / "c-large.md").write_text("\x01" * 200_000)
    (folder / "d-day.md").write_text("# दिन\n\nदिन में चौबीस घंटे होते हैं।\n", encoding="utf-8")
    (folder / "e-gift.md").write_text("# दान\n\nदान देना अच्छा काम है।\n", encoding="utf-8")
    rows = "".join(f"| {number} | washer {number} |\n" for number in range(1, 121))
    (folder / "f-parts.md").write_text(f"# Parts\n\n| no | part |\n|---|---|\n{rows}", encoding="utf-8-sig")
    (folder / "g-binary.md").write_bytes(b"\x7fELF\0\0")
    (folder / "h-broken.pdf").write_bytes(b"%PDF-1.7 and no more")
    shown = cli("documents", "add", "mixed", "--wait", exit_code=1)
    for name, said in (("a-wide.md", "chunks=1"), ("b-latin.txt", "chunks=1"), ("c-large.md", "chunks=")):
        assert any(line.startswith(f"mixed/{name}") and said in line for line in shown.splitlines())
    for name, reason in (("g-binary.md", "is not text"), ("h-broken.pdf", "Parsing error")):
        assert any(f"mixed/{name}" in line and reason in line for line in shown.splitlines())
    assert "7 sent, 1 bad, 1 failed" in shown
    assert cli("documents", "add", "mixed/g-binary.md", exit_code=1).count("\n") == 2
    (failed,) = cli.objects("documents", "show", "mixed/h-broken.pdf")
    assert (failed["status"], failed["error"]["code"]) == ("failed", "unreadable_document")


def test_what_failed_is_told_and_pruned_and_what_is_double(cli: Cli) -> None:
    assert "1 failed" in cli("documents", "status").splitlines()[0]
    (failed,) = [one for one in cli.objects("documents", "status") if one["status"] == "failed"]
    assert (failed["id"], failed["error"]["code"]) == ("mixed/h-broken.pdf", "unreadable_document")
    (row,) = cli.objects("documents", "stats")
    assert (row["collection"], row["failed"]) == ("default", 1)
    assert row["chunks"] >= row["documents"] - 1 > 5
    (cli.folder / "again.md").write_text((cli.folder / "mixed" / "d-day.md").read_text("utf-8"), encoding="utf-8")
    cli("documents", "add", "again.md", "--wait")
    assert [one["id"] for one in cli.objects("documents", "prune", "--duplicates")] == ["again.md"]
    assert [one["id"] for one in cli.objects("documents", "prune", "--duplicates", "--yes")] == ["again.md"]
    assert "mixed/h-broken.pdf" in cli("documents", "prune", "--failed")
    assert "action=deleted" in cli("documents", "prune", "--failed", "--yes")
    assert "0 failed" in cli("documents", "status").splitlines()[0]
    assert cli("documents", "prune", exit_code=2)


@pytest.mark.parametrize(("question", "page"), [("दान", "e-gift"), ("दान क्या है", "e-gift"), ("दिन", "d-day")])
def test_a_question_finds_the_page_with_its_very_word(cli: Cli, question: str, page: str) -> None:
    assert cli.objects("ask", question)[0]["citations"][0]["source"] == f"mixed/{page}.md"


def test_a_row_of_a_table_is_cited(cli: Cli) -> None:
    found = cli.objects("ask", "Which part is washer 77?")[0]["citations"][0]
    assert (found["source"], found["heading"]) == ("mixed/f-parts.md", "Parts")
    first, last = found["lines"]
    assert first <= 4 + 77 <= last
    assert last - first < 60


def test_documents_are_listed(cli: Cli) -> None:
    found = cli.objects("documents", "list", "--match", "mixed/[d-f]*", "--collection", "default")
    assert [(one["id"], one["title"]) for one in found] == [
        ("mixed/d-day.md", "दिन"),
        ("mixed/e-gift.md", "दान"),
        ("mixed/f-parts.md", "Parts"),
    ]
    assert found[0]["chunks"] == 1 < found[2]["chunks"]
    assert all(one["source"] == one["id"] and one["ingested_at"].endswith("Z") for one in found)
    assert "mixed/e-gift.md" in cli("documents", "list")
    assert "no documents" in cli("documents", "list", "--collection", "other")


def test_a_document_is_found_by_its_tenant_with_its_role_and_metadata_only(cli: Cli) -> None:
    (cli.folder / "plan.md").write_text("# Plan\n\nThe zeppelin flies in May.\n", encoding="utf-8")
    owned = ("--tenant", "acme", "--role", "hr", "--metadata", "year=2027")
    assert cli.objects("documents", "add", "plan.md", *owned, "--wait")[0]["tenant"] == "acme"
    (shown,) = cli.objects("documents", "show", "plan.md", "--tenant", "acme")
    assert (shown["status"], shown["allowed_roles"]) == ("searchable", ["hr"])
    for asker, finds in (
        ((), False),
        (("--role", "hr"), False),
        (("--tenant", "acme"), False),
        (("--tenant", "bolt", "--role", "hr"), False),
        (("--tenant", "acme", "--role", "hr"), True),
    ):
        (result,) = cli.objects("ask", "When does the zeppelin fly?", *asker)
        assert ("plan.md" in {one["source"] for one in result.get("citations", ())}) is finds, asker
    for year, finds in ((2027, True), (2026, False)):
        given = {"question": "When does the zeppelin fly?", "filter": {"field": "year", "eq": year}}
        task = {"id": f"zeppelin-{year}", "tenant": "acme", "roles": ["hr"], "input": given}
        (cli.folder / "zeppelin.jsonl").write_text(json.dumps(task), encoding="utf-8")
        (result,) = cli.objects("tasks", "send", "zeppelin.jsonl", "--wait")
        assert [one["source"] for one in result.get("citations", ())] == (["plan.md"] if finds else [])
    assert cli.objects("documents", "delete", "plan.md", "--tenant", "acme", "--wait")[0]["action"] == "deleted"
    assert "there is no document plan.md" in cli("documents", "show", "plan.md", exit_code=1)


def test_a_document_is_deleted(cli: Cli) -> None:
    assert cli.objects("documents", "delete", "kb/commits.md", "--wait")[0]["action"] == "deleted"
    assert "kb/commits.md" not in cli("documents", "list")


def test_status_says_that_it_is_ready(cli: Cli) -> None:
    found = cli.objects("orchestrator", "status")[0]
    assert found["ready"]
    assert len(found["members"]) == 1
    tasks = next(topic for topic in found["topics"] if topic["topic"] == "tasks")
    assert tasks["events"] >= 4


def test_topics_are_listed(cli: Cli) -> None:
    assert {row["topic"]: row["partitions"] for row in cli.objects("topics", "list")}["results"] == 2
    cli("topics", "create")


def _put_garbage(cli: Cli) -> None:
    """Send what no command would, and wait until it is a dead letter."""
    script = (
        "import asyncio, sys\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "from app.client.client import connect\n"
        "from app.cli.target import find\n"
        "from topics import DEAD_LETTERS\n"
        "async def work():\n"
        "    async with connect(find(None, None)) as client, client.read(DEAD_LETTERS) as letters:\n"
        "        await (await client.put('tasks', b'k', b'garbage\\xff', [('x', b'\\xff')]))\n"
        "        async for _ in letters.coming(30):\n"
        "            return\n"
        "asyncio.run(work())\n"
    )
    command = [sys.executable, "-c", script]
    subprocess.run(command, cwd=cli.folder, env=environment(), timeout=PATIENCE, check=True)  # noqa: S603  # our own script
