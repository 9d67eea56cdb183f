"""`retrieval-results`: the chunks that were found for a run."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

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


class PlannedChunk(Event):
    """What became of one of the chunks that were found, where they had to fit into `max_tokens`.

    It was `kept`, `cut` at the end of a sentence, `merged` into the chunk `into`, which continues it, or left out: as
    another repeats it (`repeated`), or as there was no more room (`no_room`). `tokens` is a bound of what it takes.
    """

    id: str
    outcome: Literal["kept", "cut", "merged", "repeated", "no_room"]
    into: str | None = None
    tokens: int = 0


class RetrievalResult(Event):
    """The answer to one retrieval request: `chunks`, best first, or `error`.

    If they had to fit into a number of tokens, `plan` tells of every chunk that was found, best first, what became of
    it; `chunks` then begin and end with the best. Of several stores, `failed_stores` has those that have found nothing
    because they failed or were late.
    """

    id: str
    task_id: str
    step: str
    chunks: tuple[Chunk, ...] = ()
    plan: tuple[PlannedChunk, ...] | None = None
    error: Failure | None = None
    seconds: float = 0.0
    failed_stores: dict[str, Failure] = Field(default_factory=dict)

    @property
    def incomplete(self) -> bool:
        """Whether another search might find more, so that it is not cached."""
        return bool(self.failed_stores)


RETRIEVAL_RESULTS = Topic(
    name="retrieval-results",
    event=RetrievalResult,
    type="meta_ai.retrieval_result",
    key="task id",
    summary="Retrieved chunks, one event for each retrieval request.",
)
