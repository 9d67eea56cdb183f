"""A run as lines of text: a bar for each step on one time axis, with its attempts below."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from app.cli.output import EXCERPT, one_line, readable_json
from app.cli.runs.bar_chart import Columns, TimeAxis
from app.cli.tasks import result_view
from app.runs.views import AttemptView, RunView, SignalView, StepView, readable_wait
from app.timestamps import format_time
from topics.model_responses import Usage
from topics.results import Result
from topics.retrieval_results import PlannedChunk

Line = tuple[str, str]

_INDENT = " " * 4
_MOST_ITEMS = 20
_STYLES = {"succeeded": "green", "failed": "red", "cancelled": "yellow", "skipped": "dim", "running": "cyan"}


def lines(view: RunView, width: int | None = None) -> Iterator[Line]:
    """Yield each line with its style: the run, its steps, then the result or the pending requests.

    They are laid out for a terminal of `width`, if there is one; otherwise nothing is cut.
    """
    yield _headline(view), f"bold {_STYLES[view.status]}"
    yield from ((f"  signal {_signal(one)}", "dim") for one in view.signals)
    yield "", ""
    if view.steps:
        yield from _Chart.of(view, width).lines(view.steps)
        yield "", ""
    yield from _end_lines(view)


def _headline(view: RunView) -> str:
    version = f" v{view.version}" if view.version else ""
    seconds = (view.until - view.accepted_at).total_seconds() if view.accepted_at else 0.0
    status = f"waits {readable_wait(view.waits)}" if view.waits else view.status
    facts = [f"{view.task_id}  {view.workflow}{version}  {status}", f"{seconds:.3f} s", _usage(view.usage)]
    facts += [f"since {format_time(view.accepted_at)}" if view.accepted_at else ""]
    facts += [f"child of {view.parent}" if view.parent else ""]
    return "  ".join(filter(None, facts))


def _signal(one: SignalView) -> str:
    return "  ".join(filter(None, (one.name or one.kind, format_time(one.at), one.actor and f"by {one.actor}")))


@dataclass(frozen=True, slots=True)
class _Chart:
    """The part with the bars."""

    columns: Columns
    axis: TimeAxis

    @classmethod
    def of(cls, view: RunView, width: int | None) -> _Chart:
        names = [_step_name(step) for step in view.steps]
        names += [_attempt_name(attempt, step) for step in view.steps for attempt in step.attempts]
        columns = Columns.fitting(names, width)
        return cls(columns, TimeAxis(view, columns.bar))

    def lines(self, steps: Sequence[StepView]) -> Iterator[Line]:
        if steps and self.columns.bar:
            yield from self._row("step", self.axis.scale(), "status", "seconds", "", "dim")
        elif steps:
            yield f"(bars: left out, as the terminal has {self.columns.width} columns)", "dim"
        for _, group in groupby(steps, key=lambda step: step.base):
            yield from self._group(list(group))

    def _group(self, steps: Sequence[StepView]) -> Iterator[Line]:
        items = [step for step in steps if step.item]
        # Of many items, only those that failed or have not ended are shown.
        shown = (
            items if len(items) <= _MOST_ITEMS else [one for one in items if one.status != "succeeded"][:_MOST_ITEMS]
        )
        for step in steps:
            if not step.item or step in shown:
                yield from self._step(step)
        if len(shown) < len(items):
            counts = Counter(step.status for step in items)
            yield f"  {len(items)} items: " + ", ".join(f"{n} {status}" for status, n in sorted(counts.items())), "dim"

    def _step(self, step: StepView) -> Iterator[Line]:
        facts = [step.kind, f"attempt {step.number}" if step.number > 1 else "", _usage(step.usage)]
        bar, style = self.axis.bar(step.started_at, step.ended_at, "█"), _STYLES.get(step.status, "cyan")
        yield from self._row(_step_name(step), bar, step.status, _seconds(step.seconds), _joined(facts), style)
        if step.reason:
            yield f"{_INDENT}{self._text(step.reason)}", "dim"
        if step.waits:
            yield f"{_INDENT}waits {step.waits}", "cyan"
        if step.error:
            yield f"{_INDENT}{step.error.code}: {self._text(step.error.message)}", "red"
        for attempt in step.attempts:
            yield from self._attempt(attempt, step)

    def _attempt(self, attempt: AttemptView, step: StepView) -> Iterator[Line]:
        drawn = attempt.until or attempt.awaited
        bar = self.axis.bar(attempt.at, attempt.until, "─") if drawn else ""
        style = "red" if attempt.error else "cyan" if attempt.awaited else "bold" if attempt.chosen else ""
        facts = [*_details(attempt)]
        if attempt.error:
            facts.append(f"{attempt.error.code}: {self._text(attempt.error.message)}")
        name, seconds = _attempt_name(attempt, step), _seconds(attempt.seconds)
        yield from self._row(name, bar, _outcome(attempt), seconds, _joined(facts), style)

    def _row(self, name: str, bar: str, status: str, seconds: str, rest: str, style: str) -> Iterator[Line]:
        yield from ((line, style) for line in self.columns.row(name, bar, status, seconds, rest))

    def _text(self, text: str) -> str:
        return one_line(text, None if self.columns.width is None else EXCERPT)


def _step_name(step: StepView) -> str:
    return f"  {step.name}" if step.item else step.name


def _attempt_name(attempt: AttemptView, step: StepView) -> str:
    mark = "*" if attempt.chosen else " "
    return f"{'    ' if step.item else '  '}{mark} {attempt.branch or attempt.name}"


def _outcome(attempt: AttemptView) -> str:
    if attempt.until is None:
        return "pending" if attempt.awaited else "not needed"
    return "late" if attempt.late else "error" if attempt.error else "answered"


def _details(attempt: AttemptView) -> Iterator[str]:
    yield "" if attempt.work == "model" else attempt.work
    yield "batch" if attempt.batch else ""
    # The id of a child run is for `runs show`, where it is given without marks.
    yield attempt.name if attempt.work == "workflow" or attempt.branch not in {"", attempt.name} else ""
    yield f"attempt {attempt.number}" if attempt.number > 1 else ""
    yield f"repair {attempt.repair}" if attempt.repair else ""
    yield f"{attempt.tries} tries" if attempt.tries > 1 else ""
    yield _usage(attempt.usage)
    yield attempt.finish_reason
    yield "cached" if attempt.cached else ""
    yield f"repaired: {', '.join(attempt.repaired)}" if attempt.repaired else ""
    yield "" if attempt.found is None else f"{attempt.found} chunks"
    yield _plan(attempt.plan)


def _plan(plan: Sequence[PlannedChunk]) -> str:
    """Return what became of the chunks that were found, and the tokens of those that are left."""
    if not plan:
        return ""
    counts = Counter(one.outcome.replace("_", " ") for one in plan)
    tokens = sum(one.tokens for one in plan)
    return f"of {len(plan)}: {', '.join(f'{count} {outcome}' for outcome, count in counts.items())}; {tokens} tokens"


def _end_lines(view: RunView) -> Iterator[Line]:
    if view.result:
        yield from result_lines(view.result)
        return
    awaited = [(step.name, one) for step in view.steps for one in step.attempts if one.awaited]
    yield f"running; pending requests: {len(awaited)}", "cyan"
    for _, one in awaited[:_MOST_ITEMS]:
        yield f"  {one.id}  {one.work}" + (f" {one.name}" if one.name != one.id else ""), ""
    if view.deadline:
        yield f"  deadline {format_time(view.deadline)}", "dim"


def result_lines(result: Result) -> Iterator[Line]:
    """Yield the lines of a result: the answer or the error, agreement and confidence, then time and usage."""
    if result.status == "succeeded":
        answer = result.answer
        yield answer if isinstance(answer, str) else readable_json(answer, indent=2), "bold"
    else:
        yield f"{result.error.code}: {result.error.message}" if result.error else result.status, "red"
    measures = [("agreement", result.agreement), ("confidence", result.confidence)]
    facts = [f"{name} {value:.2f}" for name, value in measures if value is not None]
    facts = [result.fusion, *facts] if result.status == "succeeded" else facts
    yield from ((text, "dim") for text in (_joined(facts), one_line(result.reason)) if text)
    yield from ((f"warning: {one}", "yellow") for one in result.warnings or ())
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
