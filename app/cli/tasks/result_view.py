"""Print a result."""

from __future__ import annotations

from app.cli.output import Output, readable_json
from topics.model_responses import Usage
from topics.results import Candidate, Citation, Result, StepReport


def show(output: Output, result: Result, *, answered: bool = False) -> None:
    """Print a result: the answer unless already printed (`answered`), its sources, who said what, time and usage."""
    if not (answered and result.status == "succeeded"):
        output.say(answer_text(result), style="bold" if result.status == "succeeded" else "red")
    for call in result.tool_calls or ():
        output.say(f"  calls {call.name}({call.arguments})")
    show_sources(output, result)
    for warning in result.warnings or ():
        output.say(f"  warning: {warning}", style="yellow")
    if result.candidates:
        output.say()
        columns = ("model", "chosen", "tokens", "seconds", "error")
        output.table(columns, map(_candidate, result.candidates), keep=("error",))
    if result.steps:
        output.say()
        output.table(("step", "status", "seconds", "tokens"), map(_step, result.steps), keep=("status",))
    output.say(f"\n{duration(result):.3f} s in total{', degraded' if result.degraded else ''}", style="dim")


def show_sources(output: Output, result: Result) -> None:
    """Print the sources of the answer, one line per citation."""
    for citation in result.citations:
        output.say(f"  {citation_line(citation)}", style="dim")


def show_line(output: Output, result: Result) -> None:
    """Print a result as one line."""
    facts = f"{result.task_id}  {result.status}  {duration(result):.2f} s"
    output.say_row(facts, answer_text(result))


def citation_line(citation: Citation) -> str:
    """Return the place of a citation, as in `[1] docs/delivery.md:3-9 Commits`."""
    first, last = citation.lines
    return f"[{citation.number}] {citation.source}:{first}-{last} {citation.heading}".rstrip()


def answer_text(result: Result) -> str:
    """Return the answer, or the error."""
    if result.status != "succeeded":
        return f"{result.error.code}: {result.error.message}" if result.error else result.status
    return result.answer if isinstance(result.answer, str) else readable_json(result.answer)


def duration(result: Result) -> float:
    """Return how long the task took, from its acceptance to its result."""
    return (result.finished_at - result.accepted_at).total_seconds()


def _candidate(candidate: Candidate) -> tuple[object, ...]:
    error = candidate.error.code if candidate.error else ""
    return candidate.model, candidate.chosen, _tokens(candidate.usage), candidate.seconds, error


def _step(step: StepReport) -> tuple[object, ...]:
    return step.step, step.status, step.seconds, _tokens(step.usage)


def _tokens(usage: Usage) -> int:
    return usage.input_tokens + usage.output_tokens
