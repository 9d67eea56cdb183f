"""A run as a Mermaid flowchart: its steps in order of time, with their candidates."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

from app.cli.output import one_line
from app.runs.views import AttemptView, RunView, StepView

_STYLES = {
    "succeeded": "fill:#dff5e1,stroke:#2e7d32,color:#12381a",
    "failed": "fill:#fde0e0,stroke:#c62828,color:#4a0e0e",
    "skipped": "fill:#eeeeee,stroke:#9e9e9e,color:#424242,stroke-dasharray:4 3",
    "running": "fill:#e0f0ff,stroke:#1565c0,color:#0d2a4a",
    "chosen": "fill:#fff6d6,stroke:#b28704,color:#4a3800,stroke-width:2px",
    "candidate": "fill:#ffffff,stroke:#9e9e9e,color:#424242",
}
# Characters that a label may contain as they are; all others become Mermaid entities such as `#35;`.
_PLAIN = frozenset(" .,_-+*()")
_LONGEST = 60
_MOST_ITEMS = 20


def run_flowchart(view: RunView) -> str:
    """Return the Mermaid source of a flowchart.

    An arrow means that one step started after another had ended, with none between them: an order of time, which may
    be stricter than what the workflow asks for. Of a map's items the first 20 are drawn.
    """
    return "\n".join(("flowchart LR", *(f"  {line}" for line in _lines(view)), ""))


def escape(text: str, limit: int = _LONGEST) -> str:
    """Return `text` for a quoted label: one line of at most `limit` characters, special characters escaped."""
    return "".join(one if _is_safe(one) else f"#{ord(one)};" for one in one_line(text, limit))


def _is_safe(character: str) -> bool:
    return character in _PLAIN or unicodedata.category(character)[0] in "LN"


def _lines(view: RunView) -> Iterator[str]:
    steps = [step for step in view.steps if step.index < _MOST_ITEMS]
    names = {step.name: f"s{number}" for number, step in enumerate(steps)}
    outer = [step for step in steps if not step.item]
    for step in steps:
        yield f'{names[step.name]}["{_label(step)}"]:::{_class(step.status)}'
        yield from _candidates(step, names[step.name])
    for before, after in _edges(outer):
        yield f"{names[before.name]} --> {names[after.name]}"
    for step in steps:
        if step.item and step.base in names:
            yield f"{names[step.base]} -.- {names[step.name]}"
    yield from (f"classDef {name} {style}" for name, style in _STYLES.items())


def _label(step: StepView) -> str:
    facts = [step.status if step.status != "succeeded" else "", step.kind, _seconds(step.seconds)]
    code = step.error.code if step.error else ""
    return "<br/>".join(filter(None, (escape(step.name), escape(", ".join(filter(None, facts))), escape(code))))


def _class(status: str) -> str:
    return status if status in _STYLES else "running"


def _candidates(step: StepView, node: str) -> Iterator[str]:
    for number, attempt in enumerate(one for one in step.attempts if one.work in {"model", "fusion"}):
        name = f"{node}c{number}"
        style = "failed" if attempt.error else "chosen" if attempt.chosen else "candidate"
        yield f'{name}(["{_candidate(attempt)}"]):::{style}'
        yield f"{node} -.- {name}"


def _candidate(attempt: AttemptView) -> str:
    tokens = attempt.usage.input_tokens + attempt.usage.output_tokens
    facts = [
        "fusion" if attempt.work == "fusion" else "",
        "chosen" if attempt.chosen else "",
        "late" if attempt.late else "",
        f"repair {attempt.repair}" if attempt.repair else "",
        attempt.error.code if attempt.error else "",
        f"{tokens} tokens" if tokens else "",
        _seconds(attempt.seconds),
        "" if attempt.until else "pending" if attempt.awaited else "not needed",
    ]
    return f"{escape(attempt.branch or attempt.name)}<br/>{escape(', '.join(filter(None, facts)))}"


def _edges(steps: Sequence[StepView]) -> Iterator[tuple[StepView, StepView]]:
    """Yield the pairs of steps that followed each other directly: b started after a had ended, with no step between."""
    dated = [step for step in steps if step.started_at]
    for after in dated:
        former = [step for step in dated if step is not after and _follows(step, after)]
        # A step between them ends before `after` starts, so it is in `former`, and started after `before` had ended.
        yield from ((one, after) for one in former if not any(_follows(one, other) for other in former))


def _follows(before: StepView, after: StepView) -> bool:
    if before.ended_at is None or after.started_at is None or before.started_at is None:
        return False
    # Two steps of no duration at the same time must not form a cycle.
    return before.ended_at <= after.started_at and (before.started_at, before.name) < (after.started_at, after.name)


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.3f} s"
