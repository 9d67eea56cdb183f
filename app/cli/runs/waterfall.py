"""A run as lines of text: a bar for each step on one time axis, with its attempts below."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby

from app.cli.output import one_line
from app.cli.runs.bar_chart import TimeAxis, row
from app.cli.runs.views import AttemptView, RunView, StepView, readable_wait
from app.cli.tasks import result_view
from topics.model_responses import Usage
from topics.results import Result

Line = tuple[str, str]

_INDENT = " " * 4
_MOST_ITEMS = 20
_STYLES = {"succeeded": "green", "failed": "red", "cancelled": "yellow", "skipped": "dim", "running": "cyan"}


def lines(view: RunView) -> Iterator[Line]:
    """Yield each line with its style: the run, its steps, then the result or the pending requests."""
    yield _headline(view), f"bold {_STYLES[view.status]}"
    yield from ((f"  signal {_signal(one)}", "dim") for one in view.signals)
    yield "", ""
    axis = TimeAxis(view)
    if view.steps:
        yield axis.header(), "dim"
    for _, group in groupby(view.steps, key=lambda step: step.base):
        yield from _group(list(group), axis)
    yield "", ""
    yield from _end_lines(view)


def _headline(view: RunView) -> str:
    version = f" v{view.version}" if view.version else ""
    seconds = (view.until - view.accepted_at).total_seconds() if view.accepted_at else 0.0
    status = f"waits {readable_wait(view.waits)}" if view.waits else view.status
    facts = [f"{view.task_id}  {view.workflow}{version}  {status}", f"{seconds:.3f} s", _usage(view.usage)]
    facts += [f"since {view.accepted_at:%Y-%m-%d %H:%M:%S %Z}" if view.accepted_at else ""]
    facts += [f"child of {view.parent}" if view.parent else ""]
    return "  ".join(filter(None, facts))


def _signal(one: object) -> str:
    kind, name, actor, at = (getattr(one, field) for field in ("kind", "name", "actor", "at"))
    return "  ".join(filter(None, (name or kind, f"{at:%H:%M:%S}", actor and f"by {actor}")))


def _group(steps: Sequence[StepView], axis: TimeAxis) -> Iterator[Line]:
    items = [step for step in steps if step.item]
    # Of many items, only those that failed or have not ended are shown.
    shown = items if len(items) <= _MOST_ITEMS else [one for one in items if one.status != "succeeded"][:_MOST_ITEMS]
    for step in steps:
        if not step.item or step in shown:
            yield from _step(step, axis)
    if len(shown) < len(items):
        counts = Counter(step.status for step in items)
        yield f"  {len(items)} items: " + ", ".join(f"{n} {status}" for status, n in sorted(counts.items())), "dim"


def _step(step: StepView, axis: TimeAxis) -> Iterator[Line]:
    name = f"  {step.name}" if step.item else step.name
    facts = [step.kind, f"attempt {step.number}" if step.number > 1 else "", _usage(step.usage)]
    bar = axis.bar(step.started_at, step.ended_at, "█")
    yield row(name, bar, step.status, _seconds(step.seconds), _joined(facts)), _STYLES.get(step.status, "cyan")
    if step.reason:
        yield f"{_INDENT}{one_line(step.reason)}", "dim"
    if step.waits:
        yield f"{_INDENT}waits {step.waits}", "cyan"
    if step.error:
        yield f"{_INDENT}{step.error.code}: {one_line(step.error.message)}", "red"
    yield from (_attempt(attempt, step, axis) for attempt in step.attempts)


def _attempt(attempt: AttemptView, step: StepView, axis: TimeAxis) -> Line:
    mark = "*" if attempt.chosen else " "
    name = f"{'    ' if step.item else '  '}{mark} {attempt.branch or attempt.name}"
    status = _outcome(attempt)
    bar = axis.bar(attempt.at, attempt.until if attempt.until or not attempt.awaited else None, "─")
    style = "red" if attempt.error else "cyan" if attempt.awaited else "bold" if attempt.chosen else ""
    return row(
        name, bar if attempt.until or attempt.awaited else "", status, _seconds(attempt.seconds), _details(attempt)
    ), style


def _outcome(attempt: AttemptView) -> str:
    if attempt.until is None:
        return "pending" if attempt.awaited else "not needed"
    return "late" if attempt.late else "error" if attempt.error else "answered"


def _details(attempt: AttemptView) -> str:
    facts = [
        "" if attempt.work == "model" else attempt.work,
        "batch" if attempt.batch else "",
        # The id of a child run is for `runs show`, and may be too long for the name column.
        attempt.name if attempt.work == "workflow" or attempt.branch not in {"", attempt.name} else "",
        f"attempt {attempt.number}" if attempt.number > 1 else "",
        f"repair {attempt.repair}" if attempt.repair else "",
        f"{attempt.tries} tries" if attempt.tries > 1 else "",
        _usage(attempt.usage),
        attempt.finish_reason,
        "cached" if attempt.cached else "",
        "" if attempt.found is None else f"{attempt.found} chunks",
        f"{attempt.error.code}: {one_line(attempt.error.message, 100)}" if attempt.error else "",
    ]
    return _joined(facts)


def _end_lines(view: RunView) -> Iterator[Line]:
    if view.result:
        yield from result_lines(view.result)
        return
    awaited = [(step.name, one) for step in view.steps for one in step.attempts if one.awaited]
    yield f"running; pending requests: {len(awaited)}", "cyan"
    for _, one in awaited[:_MOST_ITEMS]:
        yield f"  {one.id}  {one.work}" + (f" {one.name}" if one.name != one.id else ""), ""
    if view.deadline:
        yield f"  deadline {view.deadline:%Y-%m-%d %H:%M:%S %Z}", "dim"


def result_lines(result: Result) -> Iterator[Line]:
    """Yield the lines of a result: the answer or the error, agreement and confidence, then time and usage."""
    if result.status == "succeeded":
        answer = result.answer
        yield answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False, indent=2), "bold"
    else:
        yield f"{result.error.code}: {result.error.message}" if result.error else result.status, "red"
    measures = [("agreement", result.agreement), ("confidence", result.confidence)]
    facts = [f"{name} {value:.2f}" for name, value in measures if value is not None]
    facts = [result.fusion, *facts] if result.status == "succeeded" else facts
    yield from ((text, "dim") for text in (_joined(facts), one_line(result.reason)) if text)
    if len(result.groups) > 1:
        yield "groups: " + " | ".join(", ".join(group) for group in result.groups), "dim"
    total = [
        f"{result_view.duration(result):.3f} s in total",
        _usage(result.usage),
        "degraded" if result.degraded else "",
    ]
    yield _joined(total), "dim"


def _usage(usage: Usage) -> str:
    tokens = (
        f"{usage.input_tokens:,} in, {usage.output_tokens:,} out" if usage.input_tokens or usage.output_tokens else ""
    )
    return _joined([tokens, f"${usage.cost:.6f}".rstrip("0") if usage.cost else ""])


def _joined(facts: Sequence[str]) -> str:
    return ", ".join(filter(None, facts))


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.3f}"
