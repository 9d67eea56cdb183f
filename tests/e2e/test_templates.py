"""Each template of `orchestrator init`, as its comments say: written, run, and given its first task."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.cli.configuration.templates import NAMES, Template
from tests.e2e.commands import Cli, environment

pytestmark = pytest.mark.slow

#: What is right about the answers to a template's tasks, by their ids.
_RIGHT: dict[Template, Callable[[dict[str, Any]], bool]] = {
    "minimal": lambda answers: bool(answers["first"].strip()),
    "rag": lambda answers: "nine" in answers["first"],
    "support": lambda answers: (
        answers["first"] == {"by": "model", "text": "Shipping is free for orders above 50 euros [1]."}
        and answers["second"]["by"] == "people"
    ),
    "panel": lambda answers: "100 degrees" in answers["first"],
    "extraction": lambda answers: (
        answers["first"] == {"number": "2026-17", "date": "2026-11-02", "supplier": "Nordlicht GmbH", "total": 179.7}
    ),
}


def _environment() -> dict[str, str]:
    return environment() | {"ORCHESTRATOR_PORT": "0"}


@pytest.mark.parametrize("name", NAMES)
def test_a_template_answers_its_first_task(name: Template, tmp_path: Path) -> None:
    cli = Cli(tmp_path, environ=_environment)
    cli("orchestrator", "init", "--template", name)
    with cli.hosted():
        if (tmp_path / "documents").exists():
            cli("documents", "add", "documents", "--wait")
        said = cli.objects("tasks", "send", "tasks.jsonl", "--wait")
        answers = {one["task_id"]: one["answer"] for one in said if "task_id" in one}
        assert _RIGHT[name](answers), said
