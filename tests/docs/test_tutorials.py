from __future__ import annotations

import json
import re
import runpy
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.configuration import load
from app.workflows.checks import Names
from app.workflows.definition.loading import load as load_workflows
from app.workflows.definition.spec import Workflow
from tests.docs.pages import ROOT, blocks, text
from topics.tasks import Task

EXAMPLES = sorted(path.parent.name for path in ROOT.glob("examples/*/config.yaml"))
#: Pages about code rather than a workflow; tests/docs/test_adapters.py and the like hold them to it.
OTHERS = {"write-a-store", "write-an-adapter"}


def folder(name: str) -> Path:
    return ROOT / "examples" / name


def page(name: str) -> str:
    return f"docs/tutorials/{name}.md"


def tasks(name: str) -> list[Task]:
    lines = (folder(name) / "tasks.jsonl").read_text(encoding="utf-8").splitlines()
    return [Task.model_validate_json(line) for line in lines]


def test_each_example_has_its_page_and_each_page_its_example() -> None:
    assert EXAMPLES
    assert {path.stem for path in ROOT.glob("docs/tutorials/*.md")} == {*EXAMPLES, *OTHERS}


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_page_shows_the_workflows_as_they_are(name: str) -> None:
    shown = {block.text for block in blocks("yaml", pages=(page(name),)) if block.mark == "workflow"}
    assert shown == {path.read_text(encoding="utf-8") for path in (folder(name) / "workflows").iterdir()}


@pytest.mark.parametrize("name", EXAMPLES)
def test_workflows_fit_their_configuration_without_a_warning(name: str) -> None:
    settings = load(folder(name) / "config.yaml", {})
    loaded = load_workflows(folder(name) / "workflows", Names.of(settings, workflows=frozenset()))
    assert [one.warnings for one in loaded] == [()] * len(loaded)
    assert {task.workflow for task in tasks(name)} <= {one.spec.id for one in loaded}


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_page_shows_a_result_of_the_tasks_and_names_what_is_no_model(name: str) -> None:
    assert any(re.search(rf"(?m)^{task.id}  ", text(page(name))) for task in tasks(name))
    settings = load(folder(name) / "config.yaml", {})
    fakes = any(model.provider == "scripted" for model in settings.models.values())
    assert ("## What is faked here" in text(page(name))) == fakes
    assert any("provider:" in block.text for block in blocks("yaml", pages=(page(name),)) if not block.mark)


@pytest.mark.parametrize("name", EXAMPLES)
def test_tasks_have_ids_of_their_own(name: str) -> None:
    found = tasks(name)
    assert len({task.id for task in found}) == len(found) >= 3


def test_tasks_that_a_page_has_typed_are_tasks() -> None:
    typed: list[dict[str, Any]] = [
        json.loads(line)
        for block in blocks("console", pages=tuple(map(page, EXAMPLES)))
        for line in block.text.splitlines()
        if line.startswith('{"id"')
    ]
    assert {Task.model_validate(one).workflow for one in typed} == {"ticket-resolution"}


def test_the_python_that_a_page_shows_prints_a_workflow(capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = blocks("python", pages=(page("extraction"),))
    exec(compile(block.text, str(block), "exec"), {"__name__": "shown"})  # noqa: S102  # our own page
    printed = yaml.safe_load(capsys.readouterr().out)
    assert Workflow.model_validate(printed).id == "invoices"
    assert printed["steps"]["read"]["prompt"] == "Read this invoice.\n\n{{ input.text }}"
    assert set(printed["steps"]["read"]["schema"]["properties"]) == {"number", "supplier", "total"}


def test_the_python_of_the_example_is_its_yaml() -> None:
    built = runpy.run_path(str(folder("extraction") / "workflow.py"))["extraction"]()
    (loaded,) = load_workflows(folder("extraction") / "workflows")
    assert built == loaded.spec
