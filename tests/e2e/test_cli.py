"""The command line as people use it: the real process, the embedded broker, models that follow a script."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

_ROOT = Path(__file__).parents[2]
_COMMAND = (sys.executable, "-m", "meta_ai_orchestrator")
_PATIENCE = 60
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


def _environment() -> dict[str, str]:
    ours = {"META_AI_CONFIG", "META_AI_DEBUG", "KAFKA_BOOTSTRAP_SERVERS", "ORCHESTRATOR_PORT"}
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    return kept | {"PYTHONPATH": str(_ROOT / "sdk" / "python")}


class _Cli:
    """Runs commands in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *arguments: str, exit_code: int = 0, text: str = "") -> str:
        done = subprocess.run(  # noqa: S603  # our own command
            [*_COMMAND, *arguments],
            cwd=self.folder,
            env=_environment(),
            input=text,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
        assert done.returncode == exit_code, f"{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def objects(self, *arguments: str, exit_code: int = 0) -> list[Any]:
        lines = self(*arguments, "--json", exit_code=exit_code).splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(  # noqa: S603  # our own command
            [*_COMMAND, "orchestrator", "run", "--json"],
            cwd=self.folder,
            env=_environment(),
            stdout=subprocess.PIPE,
            text=True,
        )


def _until_ready(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout
    said: dict[str, Any] = {}
    for line in process.stdout:
        said |= json.loads(line)
        if said.get("ready"):
            return said
    pytest.fail(f"it ended with {process.wait()} instead of becoming ready")


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Cli]:
    folder = tmp_path_factory.mktemp("cli")
    (folder / "meta-ai.yaml").write_text(_CONFIG, encoding="utf-8")
    found = _Cli(folder)
    process = found.start()
    try:
        _until_ready(process)
        yield found
        process.send_signal(signal.SIGTERM)
        assert process.wait(_PATIENCE) == 0
        assert not (folder / ".meta-ai" / "run.json").exists()
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def test_a_question_is_answered_from_documents(cli: _Cli) -> None:
    (cli.folder / "kb").mkdir()
    (cli.folder / "kb" / "commits.md").write_text("# Commits\n\nAn offset is committed when it is acknowledged.\n")
    assert cli.objects("documents", "add", "kb", "--wait")[0]["id"] == "kb/commits.md"
    result = cli.objects("ask", "When is an offset committed?")[0]
    assert result["answer"] == "When it is acknowledged [1]."
    assert result["citations"][0]["source"] == "kb/commits.md"
    shown = cli("ask", "When is an offset committed?")
    assert "[1] kb/commits.md:1-3 Commits" in shown


def test_tasks_from_a_file_have_results(cli: _Cli) -> None:
    lines = ['{"id": "t-1", "question": "a"}', "nonsense", '{"id": "t-2", "input": {"question": "b"}}']
    shown = cli("tasks", "send", "-", "--wait", text="\n".join(lines), exit_code=1)
    assert "line 2: " in shown
    assert "2 sent, 1 bad, 2 succeeded, 0 failed, 0 unanswered" in shown
    again = cli("tasks", "send", "-", "--wait", text=lines[0])
    assert "sent before, and not done again: 1" in again
    assert "1 sent, 0 bad, 1 succeeded, 0 failed, 0 unanswered" in again
    results = cli.objects("results", "tail", "--from-beginning", "--limit", "2")
    assert all(result["status"] == "succeeded" for result in results)


def test_a_dead_letter_is_shown_mended_and_sent_again(cli: _Cli) -> None:
    _put_garbage(cli)
    letter = cli.objects("dead-letters", "list")[0]
    assert letter["reason"] == "not_utf8"
    assert "hex 67617262 616765ff" in cli("dead-letters", "show", letter["id"])
    before = next(row["events"] for row in cli.objects("topics", "list") if row["topic"] == "results")
    (cli.folder / "mended.json").write_text('{"id": "mended", "input": {"question": "q"}}', encoding="utf-8")
    assert cli.objects("dead-letters", "replay", letter["id"], "--value", "mended.json") == [{"replayed": letter["id"]}]
    results = cli.objects("results", "tail", "--from-beginning", "--limit", str(before + 1))
    assert "mended" in {result["task_id"] for result in results}
    assert cli.objects("dead-letters", "list")[0]["replayed"]
    assert "nothing to replay" in cli("dead-letters", "replay", "--all")
    assert "there is no dead letter" in cli("dead-letters", "show", "tasks/0/999", exit_code=1)


def test_a_document_is_deleted(cli: _Cli) -> None:
    assert cli.objects("documents", "delete", "kb/commits.md", "--wait")[0]["action"] == "deleted"


def test_status_says_that_it_is_ready(cli: _Cli) -> None:
    found = cli.objects("orchestrator", "status")[0]
    assert found["ready"]
    assert len(found["members"]) == 1
    tasks = next(topic for topic in found["topics"] if topic["topic"] == "tasks")
    assert tasks["events"] >= 4


def test_topics_are_listed(cli: _Cli) -> None:
    assert {row["topic"]: row["partitions"] for row in cli.objects("topics", "list")}["results"] == 2
    cli("topics", "create")


def _put_garbage(cli: _Cli) -> None:
    """Send what no command would, and wait until it is a dead letter."""
    script = (
        "import asyncio, sys\n"
        f"sys.path.insert(0, {str(_ROOT)!r})\n"
        "from app.cli.client import connect\n"
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
    subprocess.run(command, cwd=cli.folder, env=_environment(), timeout=_PATIENCE, check=True)  # noqa: S603  # our own script
