from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.cli.demo import report
from app.cli.output import Output
from app.cli.tasks import result_view
from topics.base import Failure
from topics.results import Candidate, Citation, Result, StepReport
from topics.tasks import Task

_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_CITATION = Citation(number=1, document_id="d", source="docs/d.md", heading="Commits", lines=(3, 9))


def _result(task: str, **fields: Any) -> Result:
    usual = {"status": "succeeded", "answer": f"answer {task}", "citations": (_CITATION,)}
    times = {"accepted_at": _NOW, "finished_at": _NOW + timedelta(seconds=1.5)}
    return Result.model_validate({"task_id": task, "workflow": "ask", **usual, **times, **fields})


_TASKS = [Task(id=one, input={}) for one in "ab"]


def test_only_answers_with_sources_to_all_are_convincing() -> None:
    assert report.all_answered([_result("a"), _result("b")], _TASKS)
    assert not report.all_answered([_result("a")], _TASKS)
    assert not report.all_answered([_result("a"), _result("b", citations=())], _TASKS)
    assert not report.all_answered([_result("a"), _result("b", status="failed")], _TASKS)
    assert not report.all_answered([], [])


def test_times_are_shown_by_step(capsys: pytest.CaptureFixture[str]) -> None:
    results = [
        _result(name, steps=[StepReport(step="answer", kind="ask", status="succeeded", seconds=seconds)])
        for name, seconds in (("a", 0.25), ("b", 0.75))
    ]
    report.show(Output(), results, 3, report.DemoTimes(first=2.5), chunks=9)
    shown = capsys.readouterr().out
    row = next(line.split() for line in shown.splitlines() if line.startswith("answer"))
    assert row == ["answer", "0.250", "0.500", "0.750"]
    assert "first answer after" in shown
    assert "2.50 s" in shown


def test_a_result_is_shown_with_sources_and_candidates(capsys: pytest.CaptureFixture[str]) -> None:
    failed = Candidate(branch="2", model="other", error=Failure(code="timeout", message="late"))
    chosen = Candidate(branch="1", model="local", text="x", chosen=True, seconds=0.5)
    result_view.show(Output(), _result("a", candidates=(chosen, failed)))
    shown = capsys.readouterr().out
    assert "answer a" in shown
    assert "[1] docs/d.md:3-9 Commits" in shown
    assert [line.split()[0] for line in shown.splitlines() if line.startswith(("local", "other"))] == ["local", "other"]
    assert "timeout" in shown
    assert "1.500 s in total" in shown


def test_a_failure_is_shown_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    failed = _result("a", status="failed", answer=None, error=Failure(code="quorum_not_met", message="too few"))
    result_view.show_line(Output(), failed)
    assert capsys.readouterr().out == "a  failed  1.50 s  quorum_not_met: too few\n"


def test_a_structured_answer_is_json() -> None:
    assert result_view.answer_text(_result("a", answer={"label": "ü"})) == '{"label": "ü"}'
