"""The verbs that read and control say the same over Kafka and over the API: one orchestrator, asked both ways."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli.main import build
from tests.e2e.commands import PATIENCE, Cli

pytestmark = pytest.mark.slow

_CONFIG = """\
app_id: both
topics: {partitions: 2}
models:
  sound: {provider: scripted, price: {input: 1, output: 1}, options: {default: "An answer."}}
  broken: {provider: scripted, attempts: 1, options: {fail_rate: 1.0}}
ask: {models: [sound], retrieve: false}
budgets: [{name: all, limit: 5.0}]
workflows: [flows]
server: {port: 0}
"""
_FLOWS = {
    "fails": "id: fails\nsteps: {answer: {kind: ask, models: [broken], prompt: x}}\n",
    "waits": "id: waits\ndeadline: 10m\nsteps: {go: {kind: wait, signal: go, timeout: 9m}}\nanswer: go\n",
}
_TASKS = [
    {"id": "a-1", "question": "?", "tenant": "acme"},
    {"id": "f-1", "workflow": "fails", "input": {}},
    {"id": "w-1", "workflow": "waits", "input": {}},
    {"id": "w-2", "workflow": "waits", "input": {}},
]


class _Commands:
    """Runs commands in one folder and with one environment, in this process: there are many."""

    def __init__(self, folder: Path, base_url: str | None = None) -> None:
        self._folder = folder
        self._environ = dict.fromkeys(("META_AI_CONFIG", "META_AI_CONTEXT", "KAFKA_BOOTSTRAP_SERVERS"))
        self._environ |= {"META_AI_BASE_URL": base_url}

    def __call__(self, *arguments: str, exit_code: int = 0, text: str = "") -> str:
        with chdir(self._folder):
            done = CliRunner().invoke(build(), [*arguments], input=text, env=self._environ, prog_name="meta-ai")
        assert done.exit_code == exit_code, done.output
        return done.stdout + done.stderr

    def objects(self, *arguments: str, exit_code: int = 0) -> list[Any]:
        """Return what a command says to programs."""
        return [json.loads(line) for line in self(*arguments, "--json", exit_code=exit_code).splitlines()]


class _Sides:
    """One orchestrator: `kafka` finds its broker in the folder, and `api` its gateway by the environment."""

    def __init__(self, folder: Path, gateway: str) -> None:
        self.kafka = _Commands(folder)
        elsewhere = folder / "elsewhere"
        elsewhere.mkdir()
        self.api = _Commands(elsewhere, f"http://{gateway}/v1")

    def both(self, *arguments: str, exit_code: int = 0) -> tuple[list[Any], list[Any]]:
        """Return what a command says to programs, on both sides."""
        return self.kafka.objects(*arguments, exit_code=exit_code), self.api.objects(*arguments, exit_code=exit_code)


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Sides]:
    folder = tmp_path_factory.mktemp("both")
    (folder / "meta-ai.yaml").write_text(_CONFIG, encoding="utf-8")
    (folder / "flows").mkdir()
    for name, text in _FLOWS.items():
        (folder / "flows" / f"{name}.yaml").write_text(text, encoding="utf-8")
    kafka = Cli(folder)
    with kafka.hosted() as said:
        kafka("tasks", "send", "-", text="\n".join(map(json.dumps, _TASKS)))
        kafka("runs", "wait", "a-1", "--timeout", "1m")
        kafka("runs", "wait", "f-1", "--timeout", "1m", exit_code=1)
        found = _Sides(folder, said["gateway"])
        _until_known(found)
        yield found


def _until_known(sides: _Sides) -> None:
    until = time.monotonic() + PATIENCE
    while {one["id"]: one["status"] for one in sides.api.objects("runs", "list")} != {
        "a-1": "succeeded", "f-1": "failed", "w-1": "running", "w-2": "running"
    }:  # fmt: skip
        assert time.monotonic() < until


def _about(row: dict[str, Any], *names: str) -> str:
    return json.dumps([row.get(name) for name in names])


def test_runs_are_listed(sides: _Sides) -> None:
    kafka, api = sides.both("runs", "list")
    shared = ("id", "workflow", "status", "parent", "seconds", "tokens", "cost", "error")
    assert sorted(_about(one, *shared) for one in kafka) == sorted(_about(one, *shared) for one in api)
    assert [one["id"] for one in sides.api.objects("runs", "list", "--status", "failed")] == ["f-1"]
    assert [one["id"] for one in sides.api.objects("runs", "list", "--workflow", "ask", "--since", "1h")] == ["a-1"]
    assert sides.api.objects("runs", "list", "--since", "2099-01-01") == []
    assert sides.api("runs", "list", "--limit", "1").count("more: --limit") == 1


@pytest.mark.parametrize("task_id", ["a-1", "f-1"])
def test_a_run_is_shown(sides: _Sides, task_id: str) -> None:
    (kafka,), (api,) = sides.both("runs", "show", task_id)
    assert {**kafka, "at": ""} == {**api, "at": ""}
    assert sides.kafka("runs", "show", task_id) == sides.api("runs", "show", task_id)


def test_results_and_states_of_tasks_are_the_same(sides: _Sides) -> None:
    assert sides.kafka("results", "get", "a-1") == sides.api("results", "get", "a-1")
    for command in (
        ("results", "get", "a-1"),
        ("runs", "wait", "a-1"),
        ("tasks", "get", "f-1"),
        ("tasks", "get", "w-1"),
    ):
        kafka, api = sides.both(*command)
        assert kafka == api
    assert sides.api("tasks", "get", "f-1").startswith("f-1  fails  failed  ")
    for side in (sides.kafka, sides.api):
        assert "w-1 has no result yet" in side("results", "get", "w-1", exit_code=1)
        assert re.search("unknown run|there is no such run", side("runs", "show", "x-1", exit_code=1))


def test_what_is_deployed_spent_and_waiting_is_the_same(sides: _Sides) -> None:
    deployed = [
        [(row["workflow"], row["active"], row["versions"]) for row in rows] for rows in sides.both("workflows", "list")
    ]
    assert deployed[0] == deployed[1] == [("fails", 1, [1]), ("waits", 1, [1])]
    for command in (("workflows", "get", "waits"), ("spend",), ("budgets",)):
        kafka, api = sides.both(*command)
        assert kafka == api, command
        assert kafka
    assert sides.kafka("workflows", "get", "waits") == sides.api("workflows", "get", "waits")
    assert sides.kafka("spend", "--by", "tenant") == sides.api("spend", "--by", "tenant")
    (status,) = sides.api.objects("status")
    assert status["ready"] is True
    assert {"topic": "tasks", "waiting": 0} in status["topics"]
    assert "tasks" in sides.api("orchestrator", "status")


def test_runs_are_controlled_over_the_api(sides: _Sides) -> None:
    assert sides.api.objects("runs", "signal", "w-1", "go", "--data", '"yes"') == [{"signalled": "w-1", "name": "go"}]
    assert sides.api.objects("runs", "wait", "w-1", "--timeout", "1m")[0]["answer"] == "yes"
    assert sides.api.objects("tasks", "cancel", "w-2", "--reason", "enough")[0]["status"] == "cancelled"
    assert "has already ended" in sides.api("runs", "cancel", "w-2", exit_code=1)


def test_tasks_are_sent_and_questions_asked_over_the_api(sides: _Sides) -> None:
    lines = '{"id": "s-1", "question": "?"}\nnonsense\n{"workflow": "nowhere", "input": {}}\n{"question": "??"}'
    sent = sides.api("tasks", "send", "-", "--wait", text=lines, exit_code=1)
    assert sent.count("An answer.") == 2
    assert "2 sent, 2 bad, 2 succeeded, 0 failed, 0 unanswered" in sent
    assert "line 3: " in sent
    again = sides.api("tasks", "send", "-", "--wait", text=lines.splitlines()[0])
    assert "1 sent, 0 bad, 1 succeeded" in again
    assert sides.api("ask", "What?", "--tenant", "acme").startswith("An answer.\n")
    assert "--stream needs a broker" in sides.api("ask", "What?", "--stream", exit_code=1)


def test_what_needs_a_broker_says_so(sides: _Sides) -> None:
    for command in (("topics", "list"), ("logs", "a-1"), ("results", "tail"), ("runs", "retry", "f-1")):
        assert "META_AI_BASE_URL names an API, and this command needs a broker" in sides.api(*command, exit_code=1)


def test_an_address_where_nobody_answers_is_one_line(tmp_path: Path) -> None:
    nowhere = _Commands(tmp_path, "http://127.0.0.1:1/v1")
    said = nowhere("tasks", "get", "a-1", exit_code=1)
    assert (len(said.splitlines()), said.startswith("meta-ai: http://127.0.0.1:1/v1: ")) == (1, True)
