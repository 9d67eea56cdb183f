"""Runs as people look after them: the real process, the embedded broker, models that follow a script."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.commands import PATIENCE, Cli

pytestmark = pytest.mark.slow

_CONFIG = """\
app_id: e2e-runs
topics: {partitions: 2}
models:
  one: {provider: scripted, options: {default: "Refund it."}}
  two: {provider: scripted, options: {default: "refund it"}}
ask: {models: [one, two], retrieve: false, strategy: first}
workflows: [approve.yaml]
retrieval: {embedder: hashing}
server: {port: 0}
"""
_WORKFLOW = """\
id: approve
deadline: 5m
answer: done
steps:
  draft: {kind: ask, models: [one, two], prompt: "{{ input.question }}", fusion: {strategy: vote}}
  approval: {kind: wait, signal: approval, after: [draft], timeout: 4m}
  done: {kind: transform, value: "steps.draft.output + ' ' + steps.approval.output"}
"""


class _Cli(Cli):
    """Runs commands in one folder."""

    def begin(self, task_id: str) -> Any:
        """Send a task, and return the story of its run once it waits for the approval."""
        self("tasks", "send", "-", text=json.dumps({"id": task_id, "workflow": "approve", "question": "What now?"}))
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            (story,) = self.objects("runs", "show", task_id)
            if any(step["name"] == "approval" and step["status"] == "running" for step in story["steps"]):
                return story
        pytest.fail(f"the run {task_id} does not come to its approval: {story}")


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Cli]:
    folder = tmp_path_factory.mktemp("runs")
    (folder / "meta-ai.yaml").write_text(_CONFIG, encoding="utf-8")
    (folder / "approve.yaml").write_text(_WORKFLOW, encoding="utf-8")
    found = _Cli(folder)
    with found.hosted():
        yield found


def test_a_run_waits_for_its_signal_and_goes_on_with_it(cli: _Cli) -> None:
    story = cli.begin("r-1")
    steps = {step["name"]: step for step in story["steps"]}
    assert story["status"] == "running"
    assert "until " in steps["approval"]["waits"]
    assert {one["branch"]: one["chosen"] for one in steps["draft"]["attempts"]} == {"one": True, "two": False}
    assert "r-1" in {row["id"] for row in cli.objects("runs", "list", "--status", "running", "--since", "1h")}
    (sent,) = cli.objects("runs", "signal", "r-1", "approval", "--data", '"OK"')
    assert sent == {"signalled": "r-1", "name": "approval"}
    (result,) = cli.objects("runs", "wait", "r-1")
    assert (result["status"], result["answer"]) == ("succeeded", "Refund it. OK")
    (over,) = cli.objects("runs", "show", "r-1")
    assert [step["name"] for step in over["steps"]] == ["draft", "approval", "done"]
    assert all(step["status"] == "succeeded" for step in over["steps"])
    shown = cli("runs", "show", "r-1")
    assert "signal approval" in shown
    assert "Refund it. OK" in shown
    assert cli("runs", "show", "r-1", "--mermaid").startswith("flowchart LR\n")
    assert "has already ended: succeeded" in cli("runs", "signal", "r-1", "approval", exit_code=1)


def test_a_run_is_cancelled(cli: _Cli) -> None:
    cli.begin("r-2")
    assert "cancelled" in cli("runs", "cancel", "r-2", "--reason", "not needed")
    (story,) = cli.objects("runs", "show", "r-2")
    assert story["status"] == "cancelled"
    assert "not needed" in story["result"]["error"]["message"]
    assert "r-2" in {row["id"] for row in cli.objects("runs", "list", "--status", "cancelled")}


def test_recorded_answers_are_fused_again(cli: _Cli) -> None:
    task_id = cli.objects("ask", "What now?")[0]["task_id"]
    (compared,) = cli.objects("runs", "fuse", task_id, "--strategy", "vote")
    assert (compared["recorded"]["strategy"], compared["again"]["strategy"]) == ("first", "vote")
    assert compared["again"]["agreement"] == 1.0


def test_a_run_that_is_not_known_is_one_line(cli: _Cli) -> None:
    assert cli("runs", "show", "absent", exit_code=1).startswith("meta-ai: unknown run absent")
