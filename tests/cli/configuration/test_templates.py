from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.cli.configuration.templates import NAMES, Template
from app.cli.main import build


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("META_AI_CONFIG", "META_AI_DEBUG", "KAFKA_BOOTSTRAP_SERVERS"):
        monkeypatch.delenv(name, raising=False)


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(build(), list(arguments))


@pytest.mark.parametrize("name", NAMES)
def test_a_template_is_valid_and_says_what_comes_next(name: Template) -> None:
    written = _run("orchestrator", "init", "--template", name)
    assert written.exit_code == 0, written.output
    assert "next: meta-ai orchestrator run --config meta-ai.yaml" in written.stdout
    assert "meta-ai tasks send tasks.jsonl --wait" in written.stdout
    checked = _run("config", "check")
    assert (checked.exit_code, checked.stderr) == (0, "")
    tasks = [json.loads(line) for line in Path("tasks.jsonl").read_text(encoding="utf-8").splitlines()]
    workflows = {path.stem for path in Path("workflows").iterdir()}
    assert {task["workflow"] for task in tasks} <= workflows


def test_nothing_is_overwritten_without_force() -> None:
    Path("workflows").mkdir()
    Path("workflows/panel.yaml").write_text("mine", encoding="utf-8")
    refused = _run("orchestrator", "init", "--template", "panel")
    assert (refused.exit_code, "workflows/panel.yaml already exists" in refused.stderr) == (1, True)
    assert not Path("meta-ai.yaml").exists()
    assert _run("orchestrator", "init", "--template", "panel", "--force").exit_code == 0
    assert Path("workflows/panel.yaml").read_text(encoding="utf-8") != "mine"


def test_another_folder_is_written_as_a_whole() -> None:
    assert _run("orchestrator", "init", "there/other.yaml", "--template", "rag").exit_code == 0
    assert sorted(path.relative_to("there").as_posix() for path in Path("there").rglob("*.*")) == [
        "documents/library.md",
        "other.yaml",
        "tasks.jsonl",
        "workflows/answer.yaml",
    ]


def test_a_new_workflow_asks_the_models_of_the_configuration() -> None:
    Path("meta-ai.yaml").write_text(
        "models: {'a b': {provider: scripted}, c: {provider: scripted}}\n", encoding="utf-8"
    )
    made = _run("workflows", "new", "mine", "--template", "rag")
    assert (made.exit_code, made.stdout) == (
        0,
        "workflows/mine.yaml written; next: meta-ai workflows deploy workflows/mine.yaml\n",
    )
    text = Path("workflows/mine.yaml").read_text(encoding="utf-8")
    assert "\nid: mine\n" in text
    assert "    models: [a b, c]\n" in text
    assert (
        _run("workflows", "check", "workflows").stdout == "workflows/mine.yaml: the workflow mine is valid: 2 steps\n"
    )
    again = _run("workflows", "new", "mine")
    assert (again.exit_code, "already exists" in again.stderr) == (1, True)


@pytest.mark.parametrize("arguments", [["a/../b c"], ["fine", "--model", "nobody"]])
def test_a_workflow_that_there_cannot_be_is_not_left_behind(arguments: list[str]) -> None:
    made = _run("workflows", "new", *arguments)
    assert made.exit_code == 1
    assert not [*Path().rglob("*.yaml")]
