from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from app.routing import samples
from app.routing.fitting import Sample
from topics.base import Failure
from topics.model_responses import Usage
from topics.results import Candidate, Result

AT = datetime(2026, 1, 1, tzinfo=UTC)
FAILED = Failure(code="timeout", message="late")


def _record(**more: Any) -> bytes:
    record = {"text": "q", "weak": {"text": "Paris."}, "strong": {"text": "paris", "cost": 0.02}, **more}
    return json.dumps(record).encode()


def _said(model: str, text: str, cost: float = 0.0, error: Failure | None = None) -> Candidate:
    return Candidate(branch=model, model=model, text=text, usage=Usage(cost=cost), error=error)


def _result(*candidates: Candidate, answer: Any = "Rome", task: str = "t1") -> Result:
    return Result(
        task_id=task,
        workflow="w",
        status="succeeded",
        answer=answer,
        candidates=candidates,
        accepted_at=AT,
        finished_at=AT,
    )


def _read(*lines: bytes, texts: dict[str, str] | None = None) -> samples.RecordedSamples:
    return samples.read(lines, "w", "s", texts or {})


@pytest.mark.parametrize(
    ("line", "sample"),
    [
        (_record(), Sample("q", 1.0, 1.0, 0.0, 0.02)),
        (_record(weak={"text": "Rome", "cost": 0.001}), Sample("q", 0.0, 1.0, 0.001, 0.02)),
        (_record(label="Rome"), Sample("q", 0.0, 0.0, 0.0, 0.02)),
        (_record(label="rome", weak={"text": "Rome!"}), Sample("q", 1.0, 0.0, 0.0, 0.02)),
        (_record(weak={"text": None}), Sample("q", 0.0, 1.0, 0.0, 0.02)),
        (_record(weak={"text": "x", "score": 0.7}, strong={"text": "y", "score": 0.9}), Sample("q", 0.7, 0.9)),
    ],
)
def test_a_record_is_a_sample(line: bytes, sample: Sample) -> None:
    assert _read(line, b"\n").samples == [sample]


@pytest.mark.parametrize(
    ("result", "sample"),
    [
        (_result(_said("w", "rome.", 0.1), _said("s", "Paris", 0.2)), Sample("q", 1.0, 1.0, 0.1, 0.2)),  # as fused
        (_result(_said("w", "PARIS"), _said("s", "Paris")), Sample("q", 1.0)),  # as the strong one
        (_result(_said("w", "Oslo"), _said("s", "Paris")), Sample("q", 0.0)),
        (_result(_said("w", "Paris", error=FAILED), _said("s", "Paris")), Sample("q", 0.0)),
        (_result(_said("w", '{"a": 1}'), _said("s", "{}"), answer={"a": 1}), Sample("q", 1.0)),
        (_result(_said("w", "Oslo"), _said("s", "Paris"), answer=None), Sample("q", 0.0)),
        (_result(_said("w", "", error=FAILED), _said("w", "Paris"), _said("s", "Paris")), Sample("q", 1.0)),
    ],
)
def test_a_result_is_a_sample_when_its_question_is_known(result: Result, sample: Sample) -> None:
    assert _read(result.to_json(), texts={"t1": "q"}).samples == [sample]


def test_what_is_not_a_sample_is_counted_by_the_reason() -> None:
    both = (_said("w", "a"), _said("s", "a"))
    recording = _read(
        b"no json",
        b"[1]",
        b'{"text": "q"}',
        b"[" * 100_000,
        _result(*both, task="stranger").to_json(),
        _result(_said("w", "a")).to_json(),
        _result(_said("w", "a"), _said("s", "", error=FAILED)).to_json(),
        _record(weak={"text": "x", "score": 7}),
        texts={"t1": "q"},
    )
    assert not recording.samples
    assert recording.skipped == {
        "neither a record nor a result": 5,
        "a result whose question is not known": 1,
        "not answered by both w and s": 2,
    }
