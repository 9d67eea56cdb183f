from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.cli.workflows.commands import app
from app.errors import ConfigurationError
from app.workflows.definition.loading import load

GOOD = "id: w\ninput: {properties: {a: {}}}\nsteps:\n  say: {kind: ask, models: [local], prompt: {file: x.j2}}\n"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("META_AI_CONFIG", raising=False)
    Path("w.yaml").write_text(GOOD, encoding="utf-8")
    Path("x.j2").write_text("Say {{ input.a }}", encoding="utf-8")


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, catch_exceptions=True)


def test_that_a_good_workflow_is_called_good() -> None:
    found = _run("check", "w.yaml")
    assert (found.exit_code, found.stdout) == (0, "w.yaml: the workflow w is valid: 1 step\n")


def test_that_warnings_are_told() -> None:
    Path("x.j2").write_text("Say {{ input.b }}", encoding="utf-8")
    found = _run("check", "w.yaml")
    assert found.exit_code == 0
    assert found.stderr == ("warning: w.yaml:4: steps.say.prompt: `input.b`: the input has no `b`; there is a\n")


def test_that_faults_end_it() -> None:
    Path("meta-ai.yaml").write_text("models: {mine: {provider: scripted}}\nask: {models: [mine]}\n", encoding="utf-8")
    found = _run("check", "w.yaml")
    assert isinstance(found.exception, ConfigurationError)
    assert str(found.exception) == "w.yaml:4: steps.say.models.0: no model is called local; there is mine"


def test_that_what_a_model_cannot_do_is_told_before_it_is_asked() -> None:
    options = "{lacks: [seed]}"
    Path("meta-ai.yaml").write_text(
        f"models:\n  mine: {{provider: scripted, options: {options}}}\n  full: {{provider: scripted}}\n"
        "ask: {models: [mine]}\n",
        encoding="utf-8",
    )
    step = GOOD.replace("models: [local]", "models: [mine], sampling: {seed: 7}")
    Path("w.yaml").write_text(step, encoding="utf-8")
    hint = "ask another model, or allow it to be left out with `downgrade: [seed]`"
    said = f"w.yaml:4: steps.say.models.0: mine has no seed: it refuses this step; {hint}"
    assert str(_run("check", "w.yaml").exception) == said
    Path("w.yaml").write_text(step.replace("[mine]", "[mine, full]"), encoding="utf-8")
    found = _run("check", "w.yaml")
    assert (found.exit_code, found.stderr) == (0, f"warning: {said}\n")


def test_that_what_is_shown_loads_to_the_same() -> None:
    found = _run("show", "w.yaml")
    Path("shown.yaml").write_text(found.stdout, encoding="utf-8")
    assert "Say {{ input.a }}" in found.stdout
    assert load(Path("shown.yaml"))[0].spec == load(Path("w.yaml"))[0].spec


def test_that_a_workflow_is_drawn() -> None:
    assert _run("show", "w.yaml", "--mermaid").stdout.startswith("flowchart TD\n")


def test_that_the_schema_is_printed() -> None:
    assert json.loads(_run("schema").stdout)["title"] == "Workflow"


def test_that_the_commands_for_what_is_deployed_are_here_too() -> None:
    words = set(re.findall(r"\w+", _run("--help").stdout))
    assert {"check", "show", "schema", "list", "history", "get"} <= words
