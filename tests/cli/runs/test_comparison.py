from __future__ import annotations

import pytest

from app.cli.output import Output
from app.cli.runs.comparison import Comparison, FusionSummary, show

_OLD = FusionSummary(strategy="first", chosen="a", answer="Old answer", reason="it came first")
_NEW = FusionSummary(strategy="vote", chosen="b", agreement=0.5, groups=(("b", "c"), ("a",)), answer={"x": 1})


def _compared(recorded: FusionSummary | None, again: FusionSummary) -> Comparison:
    return Comparison(task_id="q-1", step="ask", candidates=("a", "b", "c"), recorded=recorded, again=again)


def _shown(
    capsys: pytest.CaptureFixture[str], recorded: FusionSummary | None, again: FusionSummary
) -> dict[str, list[str]]:
    show(Output(), _compared(recorded, again))
    lines = capsys.readouterr().out.splitlines()
    rows = [[part.strip() for part in line.split("  ") if part.strip()] for line in lines]
    return {row[0]: row[1:] for row in rows if row}


def test_both_stand_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    shown = _shown(capsys, _OLD, _NEW)
    assert shown["q-1, step ask: a, b, c"] == []
    assert shown["strategy"] == ["first", "vote"]
    assert shown["chosen"] == ["a", "b"]
    assert shown["agreement"] == ["0.50"]
    assert shown["groups"] == ["b, c | a"]
    assert shown["answer"] == ["Old answer", "{"]
    assert "a different answer" in shown


def test_equal_answers_are_said_to_be(capsys: pytest.CaptureFixture[str]) -> None:
    assert "the same answer" in _shown(capsys, _OLD, _OLD)


def test_without_a_record_nothing_is_compared(capsys: pytest.CaptureFixture[str]) -> None:
    shown = _shown(capsys, None, _OLD)
    assert shown["answer"] == ["Old answer"]
    assert not {"the same answer", "a different answer"} & shown.keys()
    assert not _compared(None, _OLD).same
