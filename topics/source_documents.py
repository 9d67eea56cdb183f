"""`source-documents`: which documents came from a source, and in which version."""

from __future__ import annotations

from topics.base import Event, Topic
from topics.documents import Tenant
from topics.sync_requests import SourceName


class SourceDocument(Event):
    """An item of a source that was sent as a document, or that is gone.

    `version` is a hash of all that the document depends on: content, metadata, and who may find it.
    """

    source: SourceName
    item: str
    version: str = ""
    tenant: Tenant = ""
    collection: str = "default"
    deleted: bool = False

    @property
    def key(self) -> str:
        """The key of its events."""
        return f"{self.source}/{self.item}"


SOURCE_DOCUMENTS = Topic(
    name="source-documents",
    event=SourceDocument,
    type="meta_ai.source_document",
    key="source/item",
    summary="Which documents came from a source, and in which version.",
    compacted=True,
)
