"""Samples for a router from what was recorded: lines of JSON, or results of tasks that asked both models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BaseModel, Field

from app.decoding import parse_json
from app.normalization import answer_form
from app.routing.fitting import Sample
from topics.results import Candidate, Result

Score = Annotated[float, Field(ge=0, le=1)]


class Side(BaseModel):
    """What one model answered, and what that cost in US dollars; `score` is how good it was, if somebody judged."""

    text: str | None = None
    cost: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    score: Score | None = None


class Record(BaseModel):
    """A question with both answers, and the true answer as `label`, if it is known."""

    text: str
    weak: Side
    strong: Side
    label: str | None = None


@dataclass(slots=True)
class RecordedSamples:
    """The samples that were found, and how many lines gave none, by the reason."""

    samples: list[Sample] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)


def read(lines: Iterable[bytes], weak: str, strong: str, texts: Mapping[str, str]) -> RecordedSamples:
    """Return the samples in `lines`, each a record or a result; `texts` are the questions of results, by task id."""
    recording = RecordedSamples()
    for line in lines:
        if line.strip():
            found = _sample(line, weak, strong, texts)
            if isinstance(found, Sample):
                recording.samples.append(found)
            else:
                recording.skipped[found] += 1
    return recording


def of_record(record: Record) -> Sample:
    """Return the sample: judged scores come first, then the label, and else the strong answer is taken as right."""
    truth = record.label if record.label is not None else record.strong.text
    weak, strong = record.weak, record.strong
    return Sample(record.text, _quality(weak, truth), _quality(strong, truth), weak.cost, strong.cost)


def of_result(result: Result, text: str, weak: str, strong: str) -> Sample | None:
    """Return the sample in a result; None when one of the two was not asked, or the strong one failed.

    The strong answer is taken as right, and so is the weak one when it equals the strong or the fused answer.
    """
    cheap, dear = _of(result, weak), _of(result, strong)
    if cheap is None or dear is None or dear.error:
        return None
    right = {answer_form(dear.text), *_fused(result)}
    won = not cheap.error and answer_form(cheap.text) in right
    return Sample(text, float(won), 1.0, cheap.usage.cost, dear.usage.cost)


def _sample(line: bytes, weak: str, strong: str, texts: Mapping[str, str]) -> Sample | str:
    try:
        value: Any = parse_json(line).value
        if not isinstance(value, dict) or "task_id" not in value:
            return of_record(Record.model_validate(value))
        result = Result.model_validate(value)
    except ValueError:
        return "neither a record nor a result"
    if result.task_id not in texts:
        return "a result whose question is not known"
    return of_result(result, texts[result.task_id], weak, strong) or f"not answered by both {weak} and {strong}"


def _quality(side: Side, truth: str | None) -> float:
    if side.score is not None:
        return side.score
    return float(side.text is not None and truth is not None and answer_form(side.text) == answer_form(truth))


def _of(result: Result, model: str) -> Candidate | None:
    """Return a model's first candidate, an answer before a failure."""
    found = sorted((one for one in result.candidates if one.model == model), key=lambda one: one.error is not None)
    return found[0] if found else None


def _fused(result: Result) -> set[str]:
    if result.answer is None:
        return set()
    return {answer_form(result.answer) if isinstance(result.answer, str) else answer_form("", result.answer)}
