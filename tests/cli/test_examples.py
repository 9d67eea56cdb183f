from __future__ import annotations

from pathlib import Path

from app.cli.tasks import task_lines
from app.configuration import load
from topics.tasks import Task

_EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_demo_fuses_two_models() -> None:
    settings = load(_EXAMPLES / "config.yaml", {})
    assert len(settings.ask.models) == 2
    assert settings.broker.kind == "embedded"


def test_all_questions_are_tasks_with_ids_of_their_own() -> None:
    found = [
        task_lines.parse(number, line, max_bytes=10_000)
        for number, line in enumerate((_EXAMPLES / "questions.jsonl").read_bytes().splitlines(), 1)
    ]
    assert len({task.id for task in found if isinstance(task, Task)}) == len(found) >= 5
