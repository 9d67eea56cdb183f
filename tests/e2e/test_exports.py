from __future__ import annotations

import gzip
import json
from collections.abc import Iterator

import duckdb
import pytest

from tests.e2e.commands import Cli

pytestmark = pytest.mark.slow

_CONFIG = """\
app_id: exports
topics: {partitions: 3}
models:
  sound: {provider: scripted, options: {default: "This is the answer."}}
ask: {models: [sound], retrieve: false}
server: {port: 0}
"""


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    folder = tmp_path_factory.mktemp("exports")
    (folder / "meta-ai.yaml").write_text(_CONFIG, encoding="utf-8")
    found = Cli(folder)
    with found.hosted():
        tasks = "".join(json.dumps({"id": f"q-{n}", "input": {"question": "Why?"}}) + "\n" for n in range(12))
        found("tasks", "send", "-", "--wait", text=tasks)
        yield found


def test_that_tasks_are_exported_and_run_again_elsewhere(cli: Cli) -> None:
    assert "12 messages of tasks exported to tasks.jsonl.gz" in cli(
        "topics", "export", "tasks", "--out", "tasks.jsonl.gz"
    )
    assert "tasks.jsonl.gz exists; overwrite it with --force" in cli(
        "topics", "export", "tasks", "--out", "tasks.jsonl.gz", exit_code=1
    )
    assert not (cli.folder / "tasks.jsonl.gz.progress").exists()
    lines = gzip.decompress((cli.folder / "tasks.jsonl.gz").read_bytes()).splitlines()
    edited = []
    for line in lines:
        task = json.loads(line)
        task["key"] = task["value"]["id"] = f"again-{task['key']}"
        edited.append(json.dumps(task))
    (cli.folder / "edited.jsonl").write_text("\n".join(edited), encoding="utf-8")
    [planned] = cli.objects("topics", "import", "edited.jsonl", "--by-key", "--dry-run")
    assert (planned["topic"], planned["messages"]) == ("tasks", 12)
    assert "nothing was sent" in cli("topics", "import", "edited.jsonl", "--by-key", "--dry-run")
    assert "12 messages imported" in cli("topics", "import", "edited.jsonl", "--by-key")
    assert "This is the answer." in cli("runs", "wait", "again-q-3")


def test_that_what_a_condition_selects_is_printed(cli: Cli) -> None:
    where = "value.task_id in ['q-3', 'q-4'] && value.status == 'succeeded'"
    found = cli.objects("topics", "export", "results", "--where", where)
    assert sorted(one["key"] for one in found) == ["q-3", "q-4"]
    assert found[0]["value"]["answer"] == "This is the answer."
    assert cli.objects("topics", "export", "results", "--where", where, "--to", "1h") == []
    assert "did you mean `value`" in cli("topics", "export", "results", "--where", "valu.x", exit_code=1)


def test_that_analysts_open_results_as_parquet(cli: Cli) -> None:
    cli("topics", "export", "results", "--format", "parquet", "--out", "results", "--where", "key.startsWith('q-')")
    found = duckdb.read_parquet(f"{cli.folder}/results/*.parquet")
    totals = found.aggregate("status, count(*), max(finished_at - accepted_at) < interval 1 hour", "status")
    assert totals.fetchall() == [("succeeded", 12, True)]
    [planned] = cli.objects("topics", "import", "results", "--topic", "results", "--dry-run")
    assert planned["messages"] == 12


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("export",), "name the topics to export"),
        (("export", "tasks", "--resume"), "--resume takes --out alone"),
        (("export", "tasks", "--format", "parquet"), "parquet needs --out, and one topic"),
        (("export", "tasks", "--offset", "x"), "give offsets such as 100:200"),
    ],
)
def test_that_wrong_use_is_explained(cli: Cli, arguments: tuple[str, ...], problem: str) -> None:
    assert problem in cli("topics", *arguments, exit_code=2)


def test_that_what_is_not_there_is_named(cli: Cli) -> None:
    assert "did you mean `tasks`" in cli("topics", "export", "task", exit_code=1)
    assert "no export into x.jsonl was interrupted" in cli(
        "topics", "export", "--resume", "--out", "x.jsonl", exit_code=1
    )
