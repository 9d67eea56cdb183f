"""Each folder of `examples` as its tutorial tells: the real process, the embedded broker, three commands."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.commands import COMMAND, PATIENCE, ROOT

pytestmark = pytest.mark.slow


def _environment() -> dict[str, str]:
    ours = ("META_AI_", "KAFKA_BOOTSTRAP_SERVERS", "ORCHESTRATOR_PORT", "SHOP_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    path = f"{ROOT / 'sdk' / 'python'}{os.pathsep}{ROOT}"
    return kept | {"PYTHONPATH": path, "ORCHESTRATOR_GATEWAY_PORT": "0"}


@contextmanager
def _process(*command: str, folder: Path, **environ: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(  # noqa: S603  # our own command
        command, cwd=folder, env=_environment() | environ, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


class _Example:
    """A copy of one example's folder, and the commands in it."""

    def __init__(self, name: str, place: Path) -> None:
        self.folder = place / name
        shutil.copytree(ROOT / "examples" / name, self.folder, ignore=shutil.ignore_patterns(".meta-ai"))

    def change(self, file: str, old: str, new: str) -> None:
        text = (self.folder / file).read_text(encoding="utf-8")
        assert old in text
        (self.folder / file).write_text(text.replace(old, new), encoding="utf-8")

    def __call__(self, *arguments: str, text: str = "", exit_code: int = 0) -> list[Any]:
        done = subprocess.run(  # noqa: S603  # our own command
            [*COMMAND, *arguments, "--config", "config.yaml", "--json"],
            cwd=self.folder,
            env=_environment(),
            input=text,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == exit_code, f"{done.stdout}\n{done.stderr}"
        return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]

    def results(self, exit_code: int = 0) -> dict[str, Any]:
        """Send the example's tasks, and return their results by id."""
        lines = self("tasks", "send", "tasks.jsonl", "--wait", exit_code=exit_code)
        return {line["task_id"]: line for line in lines if "task_id" in line}

    def send(self, *tasks: dict[str, Any]) -> None:
        self("tasks", "send", "-", text="\n".join(map(json.dumps, tasks)))

    def story(self, task_id: str, holds: Callable[[Any], bool] = lambda _: True) -> Any:
        """Return the story of a run, once `holds` is true of it."""
        until = time.monotonic() + PATIENCE
        while True:
            (story,) = self("runs", "show", task_id)
            if holds(story):
                return story
            assert time.monotonic() < until, story

    @contextmanager
    def running(self, **environ: str) -> Iterator[None]:
        """Run the orchestrator meanwhile."""
        command = (*COMMAND, "orchestrator", "run", "--config", "config.yaml", "--json")
        with _process(*command, folder=self.folder, **environ) as process:
            assert process.stdout
            if not any(json.loads(line).get("ready") for line in process.stdout):
                pytest.fail(f"it ended with {process.wait()} instead of becoming ready")
            yield
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0


def _steps(story: Any) -> dict[str, Any]:
    return {step["name"]: step for step in story["steps"]}


def _awaits_approval(story: Any) -> bool:
    return any(step["name"] == "approval" and step["status"] == "running" for step in story["steps"])


def test_support_answers_from_documents_or_by_people(tmp_path: Path) -> None:
    example = _Example("support-answers", tmp_path)
    with example.running():
        example("documents", "add", "documents", "--wait")
        results = example.results()
        answers = {task_id: result["answer"] for task_id, result in results.items()}
        assert {task_id: answer["by"] for task_id, answer in answers.items()} == {
            "s-1": "models",
            "s-2": "models",
            "s-3": "people",
            "s-4": "people",
        }
        assert answers["s-1"]["text"].startswith("Shipping is free for orders above 50 euros [")
        cited = int(answers["s-1"]["text"].partition("[")[2][0])
        citation = next(one for one in results["s-1"]["citations"] if one["number"] == cited)
        assert (citation["source"], citation["heading"]) == ("documents/shipping.md", "Shipping > Costs")
        # What no document says costs nothing; what is near and yet not answered has been asked.
        assert results["s-3"]["usage"]["output_tokens"] == 0
        assert results["s-4"]["usage"]["output_tokens"] > 0
        steps = _steps(example.story("s-1"))
        assert steps["route"]["reason"].startswith("documented, because")
        assert {one["branch"] for one in steps["draft"]["attempts"]} == {"anna", "bert", "carl"}
        assert _steps(example.story("s-3"))["draft"]["status"] == "skipped"


def test_tickets_are_refunded_when_a_person_agrees(tmp_path: Path) -> None:
    example = _Example("ticket-resolution", tmp_path)
    with _process(sys.executable, "shop.py", "0", folder=example.folder) as shop:
        assert shop.stdout
        port = shop.stdout.readline().rpartition(":")[2].strip()
        with example.running(SHOP_PORT=port):
            _approve(example)
            _take_turns(example)
            _let_time_pass(example)


def _approve(example: _Example) -> None:
    example("tasks", "send", "tasks.jsonl")
    story = example.story("t-1", _awaits_approval)
    assert _steps(story)["route"]["reason"].startswith("refund, because")
    example("runs", "signal", "t-1", "approval", "--data", "true")
    (result,) = example("runs", "wait", "t-1")
    text = "We have paid back 59.9 euros to you. The reference is R-1."
    assert result["answer"] == {"kind": "refund", "refunded": True, "text": text}
    results = {line["task_id"]: line for line in example("results", "tail", "--from-beginning", "--limit", "4")}
    assert results["t-2"]["answer"]["text"].startswith("Your order B200 is packed.")
    assert results["t-3"]["answer"]["kind"] == "refund"
    assert not results["t-3"]["answer"]["refunded"]
    assert results["t-3"]["degraded"]  # the shop does not know the order: a value stood in for it
    skipped = {step["step"] for step in results["t-2"]["steps"] if step["status"] == "skipped"}
    assert skipped == {"approval", "refund"}
    assert results["t-4"]["answer"]["kind"] == "other"


def _refund(task_id: str, tenant: str) -> dict[str, Any]:
    said = {"text": "I want my money back for order A100."}
    return {"id": task_id, "workflow": "ticket-resolution", "input": said, "metadata": {"tenant": tenant}}


def _take_turns(example: _Example) -> None:
    """Two tickets of a tenant are in work at once; the third has its turn when one is cancelled."""
    example.send(*(_refund(task_id, "acme") for task_id in ("t-11", "t-12", "t-13")))
    waiting = {
        task_id: example.story(task_id, lambda story: _awaits_approval(story) or story["waits"] == "for its turn")
        for task_id in ("t-11", "t-12", "t-13")
    }
    in_work = sorted(task_id for task_id, story in waiting.items() if not story["waits"])
    (in_line,) = waiting.keys() - set(in_work)
    assert len(in_work) == 2
    (result,) = example("runs", "cancel", in_work[0], "--reason", "sent twice")
    assert (result["status"], result["error"]["code"]) == ("cancelled", "cancelled")
    example.story(in_line, _awaits_approval)


def _let_time_pass(example: _Example) -> None:
    """A new version gives the approval a second only, and what was under way keeps its two days."""
    example.change("workflows/ticket-resolution.yaml", "timeout: 2d", "timeout: 1s")
    (deployed,) = example("orchestrator", "deploy")
    assert (deployed["change"], deployed["version"]) == ("version", 2)
    still = {row["id"] for row in example("runs", "list", "--status", "running")}
    assert len(still) == 2
    example.send(_refund("t-21", "late"))
    (result,) = example("runs", "wait", "t-21")
    assert result["workflow_version"] == 2
    assert result["answer"]["text"].startswith("We are sorry")
    assert {row["id"] for row in example("runs", "list", "--status", "running")} == still


def test_a_long_document_is_summarised_by_sections(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp")
    example = _Example("document-summary", tmp_path)
    config = yaml.safe_load((example.folder / "config.yaml").read_text(encoding="utf-8"))
    # The editor stays the real model. A double reads the many sections in its place, and fails on the first.
    script = {"rules": [{"pattern": "(?P<first>[^.]+\\.)", "answer": "$first"}], "failures": ["invalid_request"]}
    config["models"]["reader"] = {"provider": "scripted", "options": script}
    (example.folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    short, long, _ = (example.folder / "tasks.jsonl").read_text(encoding="utf-8").splitlines()
    (example.folder / "tasks.jsonl").write_text(f"{short}\n{long}\n", encoding="utf-8")
    with example.running():
        results = example.results()
        child = example.story("d-2/sections/workflow/1")
    answers = {task_id: result["answer"] for task_id, result in results.items()}
    assert answers["d-1"]["summary"]
    assert answers["d-1"]["sections"] == []
    assert answers["d-2"]["summary"]
    assert len(answers["d-2"]["sections"]) == 5
    assert [one for one in answers["d-2"]["sections"] if one][-1].startswith("Winter")
    assert answers["d-2"]["sections"].count(None) == 1  # the one that failed is tolerated
    assert child["parent"] == "d-2"
    assert _steps(child)["partials"]["reason"] == "4 of 5 items"
    assert child["result"]["degraded"]


def test_a_panel_is_judged_fused_and_spared(tmp_path: Path) -> None:
    example = _Example("panel-with-a-judge", tmp_path)
    with example.running():
        results = example.results()
        judged, fused = _steps(example.story("p-1"))["answer"], _steps(example.story("p-2"))["answer"]
    best, other = "if it foams within ten minutes, it is alive.", "The yeast may be too old"
    assert results["p-1"]["answer"].endswith(best)
    assert [one["model"] for one in results["p-1"]["candidates"] if one["chosen"]] == ["cleo"]
    assert results["p-1"]["confidence"] == 1.0
    assert _fusing(judged) == ["judge"] * 6
    assert results["p-2"]["answer"].startswith(other)
    assert results["p-2"]["answer"].endswith(best)
    assert _fusing(fused) == ["author"] + ["judge"] * 6
    # The cheap model was sure once, and in doubt once.
    assert [one["model"] for one in results["p-3"]["candidates"]] == ["tiny"]
    assert "tiny is in doubt (not sure): on to ann, ben, cleo" in results["p-4"]["reason"]
    assert results["p-4"]["answer"] == results["p-1"]["answer"]
    assert results["p-3"]["usage"]["cost"] < results["p-4"]["usage"]["cost"] / 100


def _fusing(step: Any) -> list[str]:
    return sorted(one["name"] for one in step["attempts"] if one["work"] == "fusion")


def test_invoices_are_repaired_merged_and_checked(tmp_path: Path) -> None:
    example = _Example("extraction", tmp_path)
    with example.running():
        results = example.results(exit_code=1)
        (step,) = example.story("x-1")["steps"]
        printed = subprocess.run(
            [sys.executable, "workflow.py"],
            cwd=example.folder,
            env=_environment(),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        )
        (example.folder / "printed.yaml").write_text(printed.stdout, encoding="utf-8")
        (deployed,) = example("orchestrator", "deploy", "printed.yaml")
    invoice = {"number": "2026-17", "supplier": "Nordlicht GmbH", "date": "2026-11-02", "total": 179.7}
    assert results["x-1"]["answer"] == {**invoice, "currency": "EUR"}
    assert results["x-1"]["groups"] == [["ida", "jon"], ["kim"]]
    assert "currency 0.67" in results["x-1"]["reason"]
    assert [(one["branch"], one["repair"]) for one in step["attempts"] if one["repair"]] == [("jon", 1)]
    # One model never gives JSON for this one: the other two are enough.
    assert (results["x-2"]["status"], results["x-2"]["degraded"]) == ("succeeded", True)
    assert {task_id: results[task_id]["error"]["code"] for task_id in ("x-3", "x-4")} == dict.fromkeys(
        ("x-3", "x-4"), "invalid_output"
    )
    assert "output schema: total" in results["x-3"]["error"]["message"]
    assert deployed["change"] == "unchanged"  # the same workflow, written in Python
