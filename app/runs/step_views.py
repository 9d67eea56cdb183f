"""The steps of a run view: from the result, from the state of a running run, or from their requests alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from app.runs.attempt_outcomes import mark_outcomes
from app.runs.attempt_views import build_attempt_views
from app.runs.history import RunHistory
from app.runs.views import AttemptView, StepView, utc_time
from app.timestamps import format_time
from app.workflows.run import StepRun
from topics.results import StepReport

_KINDS = {"retrieval": "retrieve", "model": "ask", "fusion": "ask", "connector": "connector", "workflow": "workflow"}


def build_step_views(history: RunHistory) -> tuple[StepView, ...]:
    """Return the steps of a run in order of their start, each with its attempts."""
    reports = {report.step: report for report in history.result.event.steps} if history.result else {}
    states = history.run.steps if history.run else {}
    made = build_attempt_views(history)
    # The list of a map's items is kept as if it were an item without a number.
    names = [name for name in dict.fromkeys([*reports, *states, *made]) if not name.endswith("[]")]
    told = [_step(name, history, reports.get(name), states.get(name), made.get(name, [])) for name in names]
    return tuple(_in_order(told))


def _step(
    name: str, history: RunHistory, report: StepReport | None, state: StepRun | None, made: Sequence[AttemptView]
) -> StepView:
    began = [attempt.at for attempt in made if attempt.at]
    started = (report and report.started_at) or (state and utc_time(state.started_at)) or min(began, default=None)
    step = StepView(name=name, kind=_kind(name, history, report, made), started_at=started)
    if report:
        step = _from_report(step, report)
    elif state:
        step = _from_state(step, state, history)
    else:
        step = _from_requests(step, history, made)
    candidates = history.result.event.candidates if history.result else ()
    picked = state.branch if state and state.over else ""
    return step.model_copy(update={"attempts": mark_outcomes(step, made, candidates, picked)})


def _kind(name: str, history: RunHistory, report: StepReport | None, made: Sequence[AttemptView]) -> str:
    if report:
        return report.kind
    base, item, _ = name.partition("[")
    spec = history.spec.get("steps", {}).get(base, {})
    if item:
        spec = spec.get("step", {})
    return (
        spec.get("kind", "")
        or next((_KINDS[one.work] for one in made if one.work != "connector"), "")
        or ("connector" if made else "")
    )


def _from_report(step: StepView, report: StepReport) -> StepView:
    ended = utc_time(step.started_at.timestamp() + report.seconds) if step.started_at else None
    return step.model_copy(
        update={
            "status": report.status,
            "ended_at": ended,
            "seconds": report.seconds,
            "number": report.attempts,
            "reason": report.reason,
            "usage": report.usage,
            "error": report.error,
        }
    )


def _from_state(step: StepView, state: StepRun, history: RunHistory) -> StepView:
    over = state.over and state.ended_at and state.started_at
    return step.model_copy(
        update={
            "status": state.status,
            "ended_at": utc_time(state.ended_at),
            "seconds": state.ended_at - state.started_at if over else None,
            "number": state.attempt,
            "reason": state.reason,
            "waits": _waiting_for(step.name, state, history),
            "error": state.error,
        }
    )


def _waiting_for(name: str, state: StepRun, history: RunHistory) -> str:
    if state.status == "backing_off":
        return f"to be tried again at {_time(state.wake_at)}"
    spec = history.spec.get("steps", {}).get(name, {})
    if state.status != "running" or state.outstanding or spec.get("kind", "wait") != "wait":
        return ""
    signal = spec.get("signal")
    what = f"for the signal {signal} " if signal else ""
    return f"{what}until {_time(state.ends_at if signal else state.wake_at)}"


def _time(epoch: float) -> str:
    return format_time(utc_time(epoch)) or "an event comes"


def _from_requests(step: StepView, history: RunHistory, made: Sequence[AttemptView]) -> StepView:
    """Judge by its requests alone a step that neither result nor state tells of, such as an item of a map."""
    newest = max(one.number for one in made)
    last = [one for one in made if one.number == newest]
    answered = [one for one in last if one.until]
    if not history.result and len(answered) < len(last):
        return step
    ended = max((one.until for one in answered if one.until), default=None)
    failed = bool(answered) and all(one.error for one in answered)
    return step.model_copy(
        update={
            "status": "failed" if failed else "succeeded" if answered else "unfinished",
            "ended_at": ended,
            "seconds": (ended - step.started_at).total_seconds() if ended and step.started_at else None,
            "number": newest,
            "error": answered[-1].error if failed else None,
        }
    )


def _in_order(steps: Sequence[StepView]) -> list[StepView]:
    """Sort by start, items behind their map; those without a start keep their place behind the step before them."""
    places: dict[str, tuple[datetime, int]] = {}
    before = min((step.started_at for step in steps if step.started_at), default=datetime.now(UTC))
    for number, step in enumerate(steps):
        before = step.started_at or before
        places[step.name] = before, number
    return sorted(steps, key=lambda step: (*places.get(step.base, places[step.name]), step.index))
