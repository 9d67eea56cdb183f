"""`retrieval-results`: the chunks that were found for a run."""

from __future__ import annotations

from topics.base import Event, Failure, Topic


class Chunk(Event):
    """A piece of a document: its text, and where it is.

    `lines` are the first and last line in the source, counted from 1. `header` names the columns of the table whose
    later rows the text begins with. `score` is comparable only within one result: higher is better.
    """

    id: str
    document_id: str
    source: str
    heading: str = ""
    header: str | None = None
    lines: tuple[int, int]
    text: str
    score: float = 0.0


class RetrievalResult(Event):
    """The answer to one retrieval request: `chunks`, best first, or `error`."""

    id: str
    task_id: str
    step: str
    chunks: tuple[Chunk, ...] = ()
    error: Failure | None = None
    seconds: float = 0.0


RETRIEVAL_RESULTS = Topic(
    name="retrieval-results",
    event=RetrievalResult,
    type="meta_ai.retrieval_result",
    key="task id",
    summary="Retrieved chunks, one event for each retrieval request.",
)
