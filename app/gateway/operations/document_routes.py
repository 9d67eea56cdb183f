"""`/v1/documents`: the documents that answers are drawn from."""

from __future__ import annotations

from fnmatch import fnmatchcase
from http import HTTPStatus
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.admin import document_listing, document_sending, document_state
from app.admin.document_listing import ListedDocument
from app.admin.document_state import DocumentState
from app.gateway.openapi import WITH_BODY, refusals
from app.gateway.parts import Parts
from app.gateway.problems import Refusal
from app.gateway.rest.pages import Cursor, Filter, Limit, page_by_name
from topics.documents import Document

MOST_DOCUMENTS = 1000
_DOCUMENTS = "/v1/documents"
_NAME = r"^[^\x00-\x1f]*$"
DocumentId = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=_NAME)]
Collection = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_NAME)]


class DocumentRequest(BaseModel):
    """A whole document; see the event `documents` for what its fields mean. A known `id` is replaced."""

    model_config = ConfigDict(extra="forbid")

    id: DocumentId
    text: str
    source: str | None = None
    format: Literal["markdown", "text"] = "markdown"
    collection: Collection = "default"
    metadata: dict[str, str] = Field(default_factory=dict)


class DocumentsRequest(BaseModel):
    """Several documents, each with an id of its own."""

    model_config = ConfigDict(extra="forbid")

    documents: list[DocumentRequest] = Field(min_length=1, max_length=MOST_DOCUMENTS)


class SentDocument(BaseModel):
    """A document that was sent; `GET` of `state` tells when it is searchable, or gone."""

    id: str
    status: Literal["pending"] = "pending"
    state: str


class SentDocuments(BaseModel):
    """The documents that were sent, in their order."""

    data: list[SentDocument]


class DocumentList(BaseModel):
    """Searchable documents by id, and the cursor of the next page."""

    data: list[ListedDocument]
    next: str | None = None


def routes(parts: Parts) -> APIRouter:
    """Return the routes."""
    router = APIRouter()

    @router.post("/v1/documents", status_code=HTTPStatus.ACCEPTED, responses=refusals(*WITH_BODY))
    async def add(asked: DocumentRequest) -> SentDocument:
        """Add a document, or replace the one of this id."""
        return (await _send(parts, [_document(asked)]))[0]

    @router.post("/v1/documents/batch", status_code=HTTPStatus.ACCEPTED, responses=refusals(*WITH_BODY))
    async def add_all(asked: DocumentsRequest) -> SentDocuments:
        """Add several documents."""
        return SentDocuments(data=await _send(parts, [_document(one) for one in asked.documents]))

    @router.get("/v1/documents", responses=refusals())
    async def documents(
        collection: Filter = None, match: Filter = None, limit: Limit = 20, cursor: Cursor = ""
    ) -> DocumentList:
        """List the searchable documents; `match` is a pattern of their id or source, as in `docs/*.md`."""
        async with parts.scanning():
            found = await document_listing.read(parts.client)
        wanted = [one for one in found if collection in {None, one.collection} and _matches(one, match)]
        page = page_by_name(wanted, lambda one: one.id, cursor, limit)
        return DocumentList(data=list(page.rows), next=page.next)

    @router.get("/v1/documents/{document_id:path}", responses=refusals(404))
    async def state(document_id: Annotated[DocumentId, Path()]) -> DocumentState:
        """Tell whether a document is searchable, and in which chunks."""
        async with parts.scanning():
            found = await document_state.read(parts.client, document_id)
        if found is None:
            text = "there is no document of this id; GET /v1/documents lists those that are searchable"
            raise Refusal(HTTPStatus.NOT_FOUND, "unknown_document", text)
        return found

    @router.delete("/v1/documents/{document_id:path}", status_code=HTTPStatus.ACCEPTED, responses=refusals())
    async def delete(document_id: Annotated[DocumentId, Path()], collection: Filter = None) -> SentDocument:
        """Delete a document; one that does not exist stays so."""
        gone = Document(id=document_id, collection=collection or "default", deleted=True)
        return (await _send(parts, [gone]))[0]

    return router


def _document(asked: DocumentRequest) -> Document:
    return Document(**dict(asked))


async def _send(parts: Parts, documents: list[Document]) -> list[SentDocument]:
    await document_sending.send(parts.client, documents)
    return [SentDocument(id=one.id, state=f"{_DOCUMENTS}/{quote(one.id)}") for one in documents]


def _matches(document: ListedDocument, pattern: str | None) -> bool:
    return pattern is None or fnmatchcase(document.id, pattern) or fnmatchcase(document.source, pattern)
