"""`documents`: the documents to retrieve from."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from topics.base import Event, Topic


class Document(Event):
    """A whole document; the same `id` again replaces it, and `deleted` removes it.

    `source` is what citations name (a path or an address); it is the id when absent.
    """

    id: str = Field(min_length=1, max_length=500)
    text: str = ""
    source: str | None = None
    format: Literal["markdown", "text"] = "markdown"
    collection: str = "default"
    metadata: dict[str, str] = Field(default_factory=dict)
    deleted: bool = False


DOCUMENTS = Topic(
    name="documents",
    event=Document,
    type="meta_ai.document",
    key="document id",
    summary="Documents to retrieve from: add, replace or delete.",
    compacted=True,
    open=True,
    tombstone=lambda key: Document(id=key, deleted=True),
)
