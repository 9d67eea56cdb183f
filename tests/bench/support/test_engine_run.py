from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.workflows.definition.definitions import Definitions
from app.workflows.definition.spec import Workflow
from app.workflows.records import records
from app.workflows.run import Run, StepRun
from bench.support.engine_run import RunFailed, WrittenBytes, run_engine
from topics.tasks import Task

TASK = Task(id="t", workflow="w", input={})


def definitions(**step: Any) -> Definitions:
    ask = {"kind": "ask", "models": ["a", "b"], "prompt": "Why?", "fusion": {"strategy": "vote", "quorum": 2}}
    return Definitions([Workflow.model_validate({"id": "w", "steps": {"say": {**ask, **step}}})])


def test_a_life_ends_with_its_result() -> None:
    written = WrittenBytes()
    life = run_engine(definitions(), TASK, text="Yes.", written=written)
    assert (life.result.answer, len(life.result.candidates)) == ("Yes.", 2)
    assert (len(life.seconds), len(written.changed), len(written.seconds)) == (3, 2, 2)
    assert life.processor > 0


def test_a_run_that_fails_has_no_figures() -> None:
    with pytest.raises(RunFailed, match=r"t has failed: .*no_model"):
        run_engine(definitions(routing={"policy": "capability", "tags": ["legal"]}), TASK, text="Yes.")


def test_a_run_that_waits_for_something_else_has_no_figures() -> None:
    waiting = Workflow.model_validate({"id": "w", "steps": {"wait": {"kind": "wait", "signal": "approval"}}})
    with pytest.raises(RunFailed, match="t waits for something that never happens"):
        run_engine(Definitions([waiting]), TASK, text="Yes.")


def test_what_is_written_is_counted_in_bytes_of_keys_and_values() -> None:
    small, large = StepRun(output="x"), StepRun(output="x" * 100)
    first = Run("t", TASK, "", 1.0, 9.0, steps={"a": small, "b": small})
    second = replace(first, steps={"a": small, "b": large})
    written = WrittenBytes()
    written.take("t", first, None)
    written.take("t", second, first)
    whole = [sum(len(key) + len(value or b"") for key, value in records("t", run, None)) for run in (first, second)]
    assert written.whole == whole
    assert written.changed == [whole[0], len("t\tb") + len(records("t", second, first)[-1][1] or b"")]
