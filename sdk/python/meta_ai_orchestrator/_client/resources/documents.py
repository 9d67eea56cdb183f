"""`client.documents`: what answers are based on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Literal, TypedDict, Unpack

from meta_ai_orchestrator._client.actions import Emits, Steps
from meta_ai_orchestrator._client.calls import Call, get, path, post
from meta_ai_orchestrator._client.core import Rows
from meta_ai_orchestrator._client.endpoints import Endpoint, Listed, Mode, Resource
from meta_ai_orchestrator.types import DocumentState, ListedDocument, SentDocument

_MOST = 1000


class DocumentOptions(TypedDict, total=False):
    """What a document may say besides its id and text."""

    source: str
    format: Literal["markdown", "text"]
    collection: str
    metadata: Mapping[str, str]


class Documents(Resource[Mode]):
    """Documents."""

    @Endpoint
    def add(self, id: str, text: str, **options: Unpack[DocumentOptions]) -> Call[SentDocument]:  # noqa: A002  # its name
        """Add a document, or replace the one of this id; `get` tells when it is searchable."""
        return post(SentDocument, "/v1/documents", {"id": id, "text": text, **options})

    @Endpoint
    def add_all(self, documents: Iterable[Mapping[str, Any]]) -> Steps[list[SentDocument]]:
        """Add documents, in requests of up to 1000; each has the fields that `add` takes."""
        sent: list[SentDocument] = []
        for some in _groups(iter(documents)):
            page = yield from self._core.call(post(Rows, "/v1/documents/batch", {"documents": some}))
            sent += map(SentDocument, page.data)
        return sent

    @Endpoint
    def get(self, document_id: str) -> Call[DocumentState]:
        """Return what has become of a document, with its chunks."""
        return get(DocumentState, path("/v1/documents", document_id))

    @Listed
    def list(
        self, *, collection: str | None = None, match: str | None = None, limit: int | None = None
    ) -> Emits[ListedDocument]:
        """List the searchable documents by id; `match` is a pattern as in `docs/*.md`."""
        query = {"collection": collection, "match": match, "limit": limit}
        return self._core.pages("/v1/documents", ListedDocument, query)

    @Endpoint
    def delete(self, document_id: str, *, collection: str | None = None) -> Call[SentDocument]:
        """Delete a document."""
        place, query = path("/v1/documents", document_id), {"collection": collection}
        return Call(SentDocument.of, "DELETE", place, query)


def _groups(documents: Iterator[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    while some := [*islice(documents, _MOST)]:
        yield some
