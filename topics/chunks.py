"""`chunks`: documents cut and embedded, from which every worker builds its index."""

from __future__ import annotations

from pydantic import Field

from topics.base import Event, Topic
from topics.documents import RoleNames, Tenant, document_key
from topics.metadata_filters import MetadataValue
from topics.retrieval_results import Chunk


class EmbeddedChunk(Event):
    """A chunk with its `embedding`, base64 of little-endian float32."""

    chunk: Chunk
    embedding: str


class DocumentChunks(Event):
    """One part of a document's chunks; an empty part 0 means that the document is gone.

    A long document travels in several parts, on one partition and in order. Part 0 replaces everything
    that an index holds of the document; a later part is taken only if its `version` is that of part 0. `embedder` is
    the name of the embedder, with which vectors are comparable. `tenant` and `allowed_roles` say who may find it, as
    for `topics.documents`: a document is named by its tenant and its id. `metadata` is what searches filter by.
    """

    document_id: str
    version: str
    part: int = 0
    collection: str = "default"
    embedder: str | None = None
    chunks: tuple[EmbeddedChunk, ...] = ()
    tenant: Tenant = ""
    allowed_roles: RoleNames | None = None
    metadata: dict[str, MetadataValue] = Field(default_factory=dict)

    @property
    def document_key(self) -> str:
        """What names the document among those of all tenants."""
        return document_key(self.tenant, self.document_id)


CHUNKS = Topic(
    name="chunks",
    event=DocumentChunks,
    type="meta_ai.document_chunks",
    key="key of the document/part",
    summary="Cut and embedded documents: the log from which an index is rebuilt.",
    compacted=True,
)
