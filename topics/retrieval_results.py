"""`retrieval-results`: the chunks that were found for a run."""

from __future__ import annotations

from topics.base import Event, Failure, Topic


class Chunk(Event):
    """A piece of a document: its text, and where it is.

    `lines` are the first and last line in the source, counted from 1. `header` names the columns of the table whose
    later rows the text begins with. `score` is comparable only within one result: higher is better.

    The chunks of a document have `position` 0, 1, 2, …, so its neighbours are those one lower and one higher; those of
    one section have the same `section`. `span` are the characters [start, end) of the document's text: chunks whose
    spans overlap repeat each other. `pages` are the first and last page or slide, from 1, and `cells` a range of a
    sheet, as in `Sales!A2:F40`, where the source has such.
    """

    id: str
    document_id: str
    source: str
    heading: str = ""
    header: str | None = None
    lines: tuple[int, int]
    text: str
    score: float = 0.0
    position: int | None = None
    section: int | None = None
    span: tuple[int, int] | None = None
    pages: tuple[int, int] | None = None
    cells: str | None = None


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
