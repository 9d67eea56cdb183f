"""Mark a step's attempts: chosen, late or still pending."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.runs.views import AttemptView, StepView
from topics.results import Candidate

_RUNNING = frozenset({"waiting", "running", "backing_off", "falling_back"})


def mark_outcomes(
    step: StepView, made: Sequence[AttemptView], candidates: Sequence[Candidate], picked: str
) -> tuple[AttemptView, ...]:
    """Return the attempts of a step with `awaited`, `late` and `chosen`.

    `candidates` are those of the result, if there is one; `picked` is the branch chosen according to the state.
    """
    said = {(one.branch, one.model, one.text): one for one in candidates}
    counted = {one.id: said[_answer_key(one)] for one in made if one.work == "model" and _answer_key(one) in said}
    newest = {(one.branch, one.number): one.id for one in sorted(made, key=lambda one: one.repair)}
    return tuple(_mark(one, step, counted, newest, picked) for one in made)


def _mark(
    attempt: AttemptView,
    step: StepView,
    counted: Mapping[str, Candidate],
    newest: Mapping[tuple[str, int], str],
    picked: str,
) -> AttemptView:
    if attempt.until is None:
        return attempt.model_copy(update={"awaited": step.status in _RUNNING})
    too_late = step.ended_at is not None and attempt.until > step.ended_at
    last_word = attempt.number == step.number and newest[attempt.branch, attempt.number] == attempt.id
    # The result lists all answers that the step had when it ended: any other arrived later.
    left_out = bool(counted) and attempt.work == "model" and last_word and attempt.id not in counted
    mine = counted.get(attempt.id)
    chosen = last_word and (mine.chosen if mine else _is_chosen(attempt, picked))
    # An answer is checked against its schema after it arrived: only the candidate has that error.
    error = attempt.error or (mine.error if mine and last_word else None)
    return attempt.model_copy(update={"late": too_late or left_out, "chosen": chosen, "error": error})


def _is_chosen(attempt: AttemptView, branch: str) -> bool:
    return bool(branch) and attempt.work == "model" and attempt.branch == branch and attempt.error is None


def _answer_key(attempt: AttemptView) -> tuple[str, str, str]:
    return attempt.branch, attempt.name, attempt.text
