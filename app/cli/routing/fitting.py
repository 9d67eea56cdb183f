"""Fit a router on recorded answers, and show what it gains: `meta-ai routing fit`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from app.cli.event_loop import run
from app.cli.output import Output, write
from app.cli.tasks import task_lines
from app.errors import ConfigurationError
from app.retrieval.base import Vectors
from app.retrieval.registry import build_embedder
from app.routing import fitting, samples
from app.routing.curve import Point
from app.routing.fitting import Fitted, Sample
from app.routing.samples import RecordedSamples
from app.settings import RetrievalSettings
from topics.tasks import Task

_BATCH = 64
_ROWS = 11


def read(source: Path, tasks: Path | None, weak: str, strong: str, max_bytes: int) -> RecordedSamples:
    """Return the samples in the file `source`; `tasks` is the file with the questions of results, if there is one.

    Raises:
        ConfigurationError: a file cannot be read.
    """
    texts = _questions(tasks, max_bytes) if tasks else {}
    with _opened(source) as stream:
        return samples.read(stream, weak, strong, texts)


def fit(samples: Sequence[Sample], embedding: RetrievalSettings | None, quality: float) -> Fitted:
    """Return a router; with `embedding`, it uses embeddings by the embedder named there.

    Raises:
        ConfigurationError: there are too few samples, or the embedder is unknown.
    """
    if embedding is None or not samples:
        return fitting.fit(samples, quality=quality)
    vectors, embedder = run(_embed([sample.text for sample in samples], embedding))
    return fitting.fit(samples, vectors, embedder=embedder, quality=quality)


def save(fitted: Fitted, out: Path) -> None:
    """Write the router.

    Raises:
        ConfigurationError: the file cannot be written.
    """
    write(out, fitted.router.model_dump_json(indent=2) + "\n")


def show(output: Output, fitted: Fitted, count: int) -> None:
    """Print the expected quality of the router, as learned from `count` samples."""
    if output.programs:
        for point in fitted.points:
            output.emit({**_fields(point), "chosen": point == fitted.chosen})
        return
    columns = ("threshold", "to strong", "quality", "cost per 1000", "gap closed", "chosen")
    output.table(columns, [_row(point, fitted) for point in _sampled(fitted)])
    area = "the strong model is not better" if fitted.area is None else f"{fitted.area:.3f} (0.5 is chance)"
    output.say(f"\n{count} questions; mean share of the gap closed: {area}")


def _questions(file: Path, max_bytes: int) -> dict[str, str]:
    """Return the question of each task in a file, by task id; lines that are not valid tasks are skipped."""
    with _opened(file) as stream:
        parsed = [
            task_lines.parse(number, line, max_bytes=max_bytes) for number, line in enumerate(stream, 1) if line.strip()
        ]
    return {str(task.id): _question(task) for task in parsed if isinstance(task, Task)}


def _question(task: Task) -> str:
    question = task.input.get("question")
    if isinstance(question, str):
        return question
    return "\n".join(value for value in task.input.values() if isinstance(value, str))


async def _embed(texts: Sequence[str], settings: RetrievalSettings) -> tuple[Vectors, str]:
    embedder = build_embedder(settings)
    try:
        batches = [await embedder.embed(texts[at : at + _BATCH]) for at in range(0, len(texts), _BATCH)]
        return np.concatenate(batches), embedder.name
    finally:
        await embedder.close()


def _sampled(fitted: Fitted) -> list[Point]:
    """Return about as many points as fit on a screen, including the ends and the chosen one."""
    last = len(fitted.points) - 1
    places = {round(last * part / (_ROWS - 1)) for part in range(_ROWS)}
    return [point for place, point in enumerate(fitted.points) if place in places or point == fitted.chosen]


def _row(point: Point, fitted: Fitted) -> tuple[object, ...]:
    closed = "" if point.recovered is None else f"{point.recovered:.0%}"
    chosen = "*" if point == fitted.chosen else ""
    cost = f"${1000 * point.cost:.4g}"
    return point.threshold, f"{point.strong_share:.0%}", f"{point.quality:.1%}", cost, closed, chosen


def _fields(point: Point) -> dict[str, object]:
    return {name: getattr(point, name) for name in Point.__slots__}


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    try:
        stream = file.open("rb")
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from None
    with stream:
        yield stream
