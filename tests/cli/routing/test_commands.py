from __future__ import annotations

import json
import random
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from app.cli.main import build
from app.routing import registry
from app.routing.base import RoutingRequest
from topics.model_responses import Usage
from topics.results import Candidate
from topics.results import Result as TaskResult

CONFIG = "retrieval:\n  embedder: hashing\n"
AT = datetime(2026, 1, 1, tzinfo=UTC)
_UNSEEN = ("What is the colour of thing 500?", "Multiply 500 * 31415 * 77!")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("META_AI_CONFIG", "META_AI_DEBUG", "KAFKA_BOOTSTRAP_SERVERS"):
        monkeypatch.delenv(name, raising=False)
    Path("meta-ai.yaml").write_text(CONFIG, encoding="utf-8")


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(build(), ["routing", *arguments])


def _fit(*more: str, source: str = "answers.jsonl") -> Result:
    return _run("fit", "--weak", "small", "--strong", "large", "--from", source, "--out", "router.json", *more)


def _questions() -> list[tuple[str, str]]:
    """Return questions and what the weak model says: it is wrong where there is much to multiply."""
    lots = random.Random(5)  # noqa: S311  # no secret
    questions = []
    for number in range(120):
        hard = lots.random() < 0.5
        text = (
            f"Multiply {number} * {lots.randrange(10**6)} * 77!" if hard else f"What is the colour of thing {number}?"
        )
        questions.append((text, "wrong" if hard == (lots.random() < 0.9) else "right"))
    return questions


def _write(name: str, rows: list[Any]) -> None:
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def _records() -> None:
    weak = [{"text": said, "cost": 0.001} for _, said in _questions()]
    strong = {"text": "Right.", "cost": 0.02}
    rows = [{"text": text, "weak": one, "strong": strong} for (text, _), one in zip(_questions(), weak, strict=True)]
    _write("answers.jsonl", [*rows, {"what": "is this"}])


def test_policies_are_listed_for_people_and_programs() -> None:
    told = _run("policies")
    assert told.exit_code == 0, told.output
    assert all(name in told.stdout for name in registry.POLICIES)
    rows = [json.loads(line) for line in _run("policies", "--json").stdout.splitlines()]
    assert [row["policy"] for row in rows] == sorted(registry.POLICIES)
    cost = next(row for row in rows if row["policy"] == "cost")
    assert cost["options"]["properties"].keys() == {"expected_output_tokens", "max_cost"}


def test_a_router_is_fitted_on_records_and_can_be_used() -> None:
    _records()
    told = _fit()
    assert told.exit_code == 0, told.output
    assert "1 lines skipped: neither a record nor a result" in told.stderr
    assert "120 questions; mean share of the gap closed: 0.6" in told.stdout
    options = registry.inline("learned", {"weak": "small", "strong": "large", "file": "router.json"}, Path())
    assert options["model"]["embedder"] == "hashing-256-2"
    learned = registry.get("learned", options)
    assert learned.lookup(RoutingRequest(("small", "large"), 1, key="k", text="t")) is not None


def test_a_router_without_embeddings_needs_no_lookup() -> None:
    _records()
    assert _fit("--no-embeddings").exit_code == 0
    options = registry.inline("learned", {"weak": "small", "strong": "large", "file": "router.json"}, Path())
    learned = registry.get("learned", options)
    easy, hard = (RoutingRequest(("small", "large"), 1, key="k", text=text) for text in _UNSEEN)
    assert learned.lookup(easy) is None
    assert (learned.choose(easy).models, learned.choose(hard).models) == (("small",), ("large",))


def test_the_curve_is_for_programs_too() -> None:
    _records()
    points = [json.loads(line) for line in _fit("--json", "--no-embeddings", "--quality", "0.9").stdout.splitlines()]
    assert sum(point["chosen"] for point in points) == 1
    assert [point["strong_share"] for point in points] == sorted((p["strong_share"] for p in points), reverse=True)
    (chosen,) = (point for point in points if point["chosen"])
    assert chosen["quality"] >= 0.9
    assert json.loads(Path("router.json").read_text(encoding="utf-8"))["threshold"] == chosen["threshold"]


def test_results_are_joined_with_the_questions_of_their_tasks() -> None:
    _write("tasks.jsonl", [{"id": f"t{place}", "question": text} for place, (text, _) in enumerate(_questions())])
    _write("results.jsonl", [_result(place, said) for place, (_, said) in enumerate(_questions())])
    told = _fit("--tasks", "tasks.jsonl", "--no-embeddings", source="results.jsonl")
    assert told.exit_code == 0, told.output
    assert "120 questions" in told.stdout
    alone = _fit("--no-embeddings", source="results.jsonl")
    assert alone.exit_code == 1
    assert "120 lines skipped: a result whose question is not known" in alone.stderr
    assert "cannot be fitted on 0 questions" in alone.stderr


def _result(place: int, said: str) -> Any:
    candidates = tuple(
        Candidate(branch=model, model=model, text=text, usage=Usage(cost=0.01))
        for model, text in (("small", said), ("large", "right"))
    )
    result = TaskResult(
        task_id=f"t{place}",
        workflow="w",
        status="succeeded",
        answer="right",
        candidates=candidates,
        accepted_at=AT,
        finished_at=AT,
    )
    return result.model_dump(mode="json", exclude_none=True)


def test_without_the_servers_packages_the_command_that_installs_them_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "app.cli.routing.fitting", None)
    monkeypatch.delattr("app.cli.routing.fitting", raising=False)
    told = _fit()
    assert told.exit_code == 1
    assert told.stderr == 'meta-ai: pip install "meta-ai-orchestrator[server]"\n'


def test_a_file_that_is_not_there_is_one_line() -> None:
    told = _fit()
    assert told.exit_code == 1
    assert told.stderr == "meta-ai: answers.jsonl cannot be read: No such file or directory\n"
