"""What the demo shows of its answers: each with its sources, then the times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from app.cli.demo.model_choice import named
from app.cli.output import Output
from app.cli.tasks import result_view
from app.settings import Settings
from topics.results import Result
from topics.tasks import Task

#: Models that may be at hand, and what each needs.
_BETTER = {
    "openai/gpt-5-mini": "with OPENAI_API_KEY",
    "anthropic/claude-haiku-4-5": "with ANTHROPIC_API_KEY",
    "ollama/llama3.2": "with Ollama here, no key",
}


@dataclass(slots=True)
class DemoTimes:
    """Seconds from the start of the command."""

    ready: float = 0.0
    ingested: float = 0.0
    first: float = 0.0
    finished: float = 0.0


def all_answered(results: Sequence[Result], tasks: Sequence[Task]) -> bool:
    """Return whether every task was answered, and every answer has sources."""
    answered = {result.task_id for result in results if result.status == "succeeded" and result.citations}
    return bool(tasks) and answered == {task.id for task in tasks}


def answer(output: Output, question: str, result: Result) -> None:
    """Show a question, its answer, and what the answer was given."""
    output.say()
    output.say(question, style="bold")
    output.say(result_view.answer_text(result).strip(), style="" if result.status == "succeeded" else "red")
    result_view.show_sources(output, result)


def show(output: Output, results: Sequence[Result], asked: int, times: DemoTimes, chunks: int) -> None:
    """Show what each step took, and the whole."""
    output.say()
    output.table(("step", "min s", "median s", "max s"), _spread(results))
    output.say()
    tokens = sum(result.usage.input_tokens + result.usage.output_tokens for result in results)
    output.table(
        ("in all", ""),
        [
            ("answered", f"{sum(result.status == 'succeeded' for result in results)} of {asked} questions"),
            ("chunks ingested", str(chunks)),
            ("tokens", str(tokens)),
            ("worker ready after", f"{times.ready:.2f} s"),
            ("documents indexed after", f"{times.ingested:.2f} s"),
            ("first answer after", f"{times.first:.2f} s"),
            ("last answer after", f"{times.finished:.2f} s"),
        ],
    )


def say_model(output: Output, settings: Settings, *, other: bool) -> None:
    """Say which model answered, and, unless that was `other` than the demo's own, how a better one is named."""
    output.say()
    if other:
        output.say(f"answered by {', '.join(map(named, settings.models.values()))}")
        return
    output.say(
        "This was a model of 135 million parameters: it shows that everything works, not how good answers are. "
        "For better ones, name a model of yours:"
    )
    for provider, needs in _BETTER.items():
        output.say(f"  scripts/demo --model {provider:<28} {needs}", style="dim")


def _spread(results: Sequence[Result]) -> list[tuple[object, ...]]:
    taken: dict[str, list[float]] = {}
    for result in results:
        for step in result.steps:
            taken.setdefault(step.step, []).append(step.seconds)
        taken.setdefault("whole task", []).append(result_view.duration(result))
    whole = taken.pop("whole task", [])
    rows = [*taken.items(), *([("whole task", whole)] if whole else [])]
    return [(name, min(seconds), median(seconds), max(seconds)) for name, seconds in rows]
