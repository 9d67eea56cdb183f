from __future__ import annotations

from typing import Any

import pytest

from app.cli.runs.waterfall import lines, result_lines
from app.workflows.run import Run, StepRun
from tests.cli.runlog import START, Log, answered, report
from topics import SIGNALS
from topics.base import Failure
from topics.retrieval_results import PlannedChunk
from topics.signals import Signal
from topics.tasks import Task


def _text(log: Log, at: float = 10.0) -> list[str]:
    return [text for text, _ in lines(log.view(at))]


def _line(log: Log, start: str) -> str:
    return next(text for text in _text(log) if text.strip().startswith(start))


def _columns(line: str) -> list[str]:
    return [part for part in line.replace("─", " ").replace("█", " ").split("  ") if part.strip()]


def test_the_first_line_says_what_the_whole_took() -> None:
    assert _text(answered())[0] == (
        "q-1  ask v1  succeeded  4.000 s  1,200 in, 34 out, $0.01  since 2026-01-15T08:00:00Z"
    )


@pytest.mark.parametrize(
    ("start", "columns"),
    [
        ("retrieve", ["retrieve", " succeeded", "0.110", "retrieve"]),
        ("default", ["default", "answered", "0.100", "retrieval, 1 chunks"]),
        ("* one", ["* one", "answered", "1.000", "2 tries, 1,200 in, 34 out, $0.01, stop"]),
        ("two", ["two", "error", "0.200", "timeout: no answer [in] time"]),
        ("three", ["three", "late", "3.600"]),
        ("judge-1", ["judge-1", "answered", "0.500", "fusion, judge"]),
        ("notes[0]", ["notes[0]", "succeeded", "0.300", "connector, attempt 2"]),
        ("q-1/child/1", ["q-1/child/1", "answered", "1.000", "workflow, q-1/child/1"]),
        ("never", ["never", "skipped", "0.000", "ask"]),
    ],
)
def test_each_step_and_attempt_has_a_line(start: str, columns: list[str]) -> None:
    found = [column.strip() for column in _columns(_line(answered(), start))]
    assert found == [column.strip() for column in columns]


def test_a_search_says_what_became_of_the_chunks_that_had_to_fit() -> None:
    log = Log()
    log.task(0)
    plan = (
        PlannedChunk(id="a", outcome="kept", tokens=40),
        PlannedChunk(id="b", outcome="no_room"),
        PlannedChunk(id="c", outcome="no_room"),
    )
    log.retrieval(0.1, 0.2, plan=plan)
    assert any("1 chunks, of 3: 1 kept, 2 no room; 40 tokens" in text for text in _text(log))


def test_repairs_and_repetitions_are_named() -> None:
    four = [text for text in _text(answered()) if text.strip().startswith("four")]
    assert [text.rstrip().endswith("repair 1, cached") for text in four] == [False, True]
    assert any(text.rstrip().endswith("connector, attempt 2") for text in _text(answered()) if "tickets" in text)


def test_a_step_says_why_it_went_so() -> None:
    shown = _text(answered())
    at = next(place for place, text in enumerate(shown) if text.startswith("answer"))
    assert shown[at + 1] == "    asked all four. nearest by meaning"
    assert "    route took long" in shown


def test_the_result_comes_last() -> None:
    assert _text(answered())[-5:] == [
        "Because.",
        "best-of-n, agreement 0.50",
        "the judge said so",
        "groups: one | four",
        "4.000 s in total, 1,200 in, 34 out, $0.01",
    ]


def _result(**fields: Any) -> list[str]:
    log = Log()
    log.result(1.0, **fields)
    result = log.view().result
    assert result is not None
    return [text for text, _ in result_lines(result)]


def test_results_of_all_kinds_are_told() -> None:
    failure = Failure(code="quorum_not_met", message="0 of 2")
    assert _result(status="failed", error=failure) == ["quorum_not_met: 0 of 2", "1.000 s in total"]
    assert _result(status="cancelled") == ["cancelled", "1.000 s in total"]
    assert _result(status="cancelled", fusion="vote") == ["cancelled", "1.000 s in total"]  # nothing was fused
    assert _result(answer={"a": 1}, degraded=True) == ['{\n  "a": 1\n}', "1.000 s in total, degraded"]


@pytest.mark.parametrize(
    ("code", "task", "shown"),
    [
        ("unknown_workflow", {"version": 9}, "ask v9"),
        ("unknown_workflow", {}, "ask"),
        ("invalid_event", None, "ask"),
        ("invalid_input", {}, "ask v1"),
    ],
)
def test_a_run_that_never_began_shows_no_version_that_it_did_not_ask_for(
    code: str, task: dict[str, int] | None, shown: str
) -> None:
    log = Log()
    if task is not None:
        log.task(**task)
    log.result(1.0, status="failed", error=Failure(code=code, message="no"))
    texts = _text(log)
    assert texts[0].split("  ")[1] == shown
    assert texts[1:3] == ["", f"{code}: no"]


def test_a_run_under_way_shows_what_it_awaits() -> None:
    log = Log()
    steps = {
        "ask": StepRun("running", started_at=START + 1, ends_at=START + 60, outstanding=frozenset({"q-1/ask/one/1"})),
        "approve": StepRun("running", started_at=START + 2, wake_at=START + 60, ends_at=START + 60),
    }
    log.state(Run("q-1", Task(id="q-1", input={}), "", START, START + 60, version=1, steps=steps))
    log.model("ask", "one", "1", 1.0)
    log.put(SIGNALS, Signal(task_id="q-1", name="hold", actor="eve"), 2.0)
    shown = _text(log)
    assert shown[0].startswith("q-1  ask v1  running  10.000 s")
    assert shown[1] == "  signal hold  2026-01-15T08:00:02Z  by eve"
    assert [column.strip() for column in _columns(_line(log, "one"))] == ["one", "pending"]
    assert "    waits until 2026-01-15T08:01:00Z" in shown
    assert shown[-3:] == [
        "running; pending requests: 1",
        "  q-1/ask/one/1  model one",
        "  deadline 2026-01-15T08:01:00Z",
    ]


def test_a_run_that_has_not_started_waits_for_a_slot() -> None:
    log = Log()
    log.state(Run("q-1", Task(id="q-1", input={}), "", START, START + 60, version=1, slot="asked"))
    assert _text(log)[0].startswith("q-1  ask v1  waits for a slot  10.000 s")
    assert log.view(10.0).waits == "for its turn"  # what `--json` prints is a contract


def test_of_many_items_those_are_shown_that_went_wrong() -> None:
    log = Log()
    for number in range(30):
        error = Failure(code="connector", message="down") if number == 7 else None
        log.connector(f"m[{number}]", 1.0, 2.0, error=error)
    log.result(3.0, [report("m", "map", 1.0, 1.0)])
    shown = _text(log)
    assert [text.split()[0] for text in shown if text.startswith("  m[")] == ["m[7]"]
    assert "  30 items: 1 failed, 29 succeeded" in shown


def test_a_failed_step_says_its_error() -> None:
    log = Log()
    log.result(3.0, [report("s", "ask", 1.0, 1.0, status="failed", error=Failure(code="timeout", message="a\nb"))])
    assert "    timeout: a b" in _text(log)


@pytest.mark.parametrize("width", [200, 80, 60, 20])
def test_a_terminal_of_any_width_shows_the_same_words(width: int) -> None:
    def words(texts: list[str]) -> list[str]:
        return sorted(word for text in texts for word in text.split() if word.strip("─█"))

    shown = [text for text, _ in lines(answered().view(), width)]
    everything, header = words(_text(answered())), ["0", "4.000", "s", "seconds", "status", "step"]
    if f"(bars: left out, as the terminal has {width} columns)" in shown:
        for word in header:
            everything.remove(word)
        everything = sorted([*everything, *f"(bars: left out, as the terminal has {width} columns)".split()])
    assert words(shown) == everything


def test_in_a_pipe_a_long_reason_is_whole() -> None:
    log, reason = Log(), "word " * 100 + "end"
    log.result(3.0, [report("s" * 60, "ask", 1.0, 1.0, reason=reason)])
    assert f"    {reason}" in _text(log)
    assert _line(log, "s" * 60)
    assert "…" in "".join(text for text, _ in lines(log.view(), 80))
