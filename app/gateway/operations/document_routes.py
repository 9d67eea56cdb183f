"""`/v1/documents`: the documents that answers are drawn from."""

from __future__ import annotations

from base64 import b64decode
from fnmatch import fnmatchcase
from http import HTTPStatus
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Path, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from app.admin import document_listing, document_sending, document_state
from app.admin.document_listing import ListedDocument
from app.admin.document_state import DocumentState
from app.gateway.access.admission import Caller
from app.gateway.access.rights import tenant_for
from app.gateway.files.file_routes import known
from app.gateway.openapi import WITH_BODY, refusals
from app.gateway.parts import Parts
from app.gateway.problems import Refusal
from app.gateway.rest.pages import Cursor, Filter, Limit, page_by_name
from app.retrieval.parsing.formats import ENDINGS, media_type_of, reading_of
from app.security.principal import Principal
from topics.documents import LONGEST_ACTOR, Document, RoleNames, Tenant
from topics.files import StoredFile
from topics.metadata_filters import MetadataValue

MOST_DOCUMENTS = 1000
_DOCUMENTS = "/v1/documents"
_NAME = r"^[^\x00-\x1f]*$"
DocumentId = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=_NAME)]
TenantParameter = Annotated[Tenant, Query(description="whose it is; by default the caller's, or all tenants'")]
Collection = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_NAME)]


def _base64(value: str) -> str:
    try:
        b64decode(value, validate=True)
    except ValueError:
        raise ValueError("must be base64") from None
    return value


class DocumentRequest(BaseModel):
    """A whole document; see the event `documents` for what its fields mean. A known `id` is replaced.

    It is `text`, `data` in base64, or a file that was uploaded to `/v1/files`, by its `file_id`.
    """

    model_config = ConfigDict(extra="forbid")

    id: DocumentId
    text: str | None = None
    data: Annotated[str, AfterValidator(_base64)] | None = None
    file_id: str | None = Field(default=None, max_length=100)
    content_type: str | None = Field(default=None, max_length=200)
    source: str | None = None
    format: Literal["markdown", "text"] = "markdown"
    collection: Collection = "default"
    tenant: Tenant = ""
    allowed_roles: RoleNames | None = None
    metadata: dict[str, MetadataValue] = Field(default_factory=dict)


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
    async def add(asked: DocumentRequest, caller: Caller) -> SentDocument:
        """Add a document, or replace the one of this id."""
        return (await _send(parts, [await _document(parts, asked, caller)]))[0]

    @router.post("/v1/documents/batch", status_code=HTTPStatus.ACCEPTED, responses=refusals(*WITH_BODY))
    async def add_all(asked: DocumentsRequest, caller: Caller) -> SentDocuments:
        """Add several documents."""
        return SentDocuments(data=await _send(parts, [await _document(parts, one, caller) for one in asked.documents]))

    @router.get("/v1/documents", responses=refusals())
    async def documents(  # one for each parameter
        *,
        caller: Caller,
        collection: Filter = None,
        tenant: Filter = None,
        match: Filter = None,
        limit: Limit = 20,
        cursor: Cursor = "",
    ) -> DocumentList:
        """List the searchable documents; `match` is a pattern of their id or source, as in `docs/*.md`."""
        asked_for = tenant if tenant is None else tenant_for(caller, tenant)
        async with parts.scanning():
            found = await document_listing.read(parts.client)
        wanted = [
            one
            for one in found
            if caller.may_read(one.tenant, one.allowed_roles)
            and asked_for in {None, one.tenant}
            and collection in {None, one.collection}
            and _matches(one, match)
        ]
        page = page_by_name(wanted, lambda one: f"{one.id}\0{one.tenant}", cursor, limit)
        return DocumentList(data=list(page.rows), next=page.next)

    @router.get("/v1/documents/{document_id:path}", responses=refusals(404))
    async def state(
        document_id: Annotated[DocumentId, Path()], caller: Caller, tenant: TenantParameter = ""
    ) -> DocumentState:
        """Tell whether a document is searchable, and in which chunks."""
        owner = tenant_for(caller, tenant)
        async with parts.scanning():
            found = await document_state.read(parts.client, document_id, owner)
        if found is None or not caller.may_read(owner, found.allowed_roles):
            text = "there is no document of this id; GET /v1/documents lists those that are searchable"
            raise Refusal(HTTPStatus.NOT_FOUND, "unknown_document", text)
        return found

    @router.delete("/v1/documents/{document_id:path}", status_code=HTTPStatus.ACCEPTED, responses=refusals())
    async def delete(
        document_id: Annotated[DocumentId, Path()],
        caller: Caller,
        collection: Filter = None,
        tenant: TenantParameter = "",
    ) -> SentDocument:
        """Delete a document; one that does not exist stays so."""
        gone = Document(
            id=document_id,
            collection=collection or "default",
            tenant=tenant_for(caller, tenant),
            actor=caller.id[:LONGEST_ACTOR],
            deleted=True,
        )
        return (await _send(parts, [gone]))[0]

    return router


async def _document(parts: Parts, asked: DocumentRequest, caller: Principal) -> Document:
    if [asked.text, asked.data, asked.file_id].count(None) != 2:  # noqa: PLR2004  # of three, one
        raise _invalid("text: give it, or data, or a file_id, and only one of them")
    file = await known(parts, asked.file_id, caller) if asked.file_id is not None else None
    own = {
        "tenant": tenant_for(caller, asked.tenant),
        "actor": caller.id[:LONGEST_ACTOR],
        "content_type": _content_type(asked, file),
        "file": file,
    }
    return Document(**{**asked.model_dump(exclude={"file_id"}), "text": asked.text or "", **own})


def _content_type(asked: DocumentRequest, file: StoredFile | None) -> str | None:
    """Return the content type of a document, by its names if it is not given; none of plain text and Markdown."""
    if asked.content_type is None and asked.data is None and file is None:
        return None
    names = (asked.source or "", asked.id, file.filename if file else "")
    found = asked.content_type or next(filter(None, map(media_type_of, names)), None)
    if found is None:
        raise _invalid("content_type: must say of what format the document is, as in application/pdf")
    if reading_of(found) is None:
        raise _invalid(f"content_type: documents of {found} cannot be read; those that can end in {ENDINGS}")
    return found


def _invalid(text: str) -> Refusal:
    return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", text)


async def _send(parts: Parts, documents: list[Document]) -> list[SentDocument]:
    await document_sending.send(parts.client, documents)
    return [SentDocument(id=one.id, state=_state_of(one)) for one in documents]


def _state_of(document: Document) -> str:
    owner = f"?tenant={quote(document.tenant, safe='')}" if document.tenant else ""
    return f"{_DOCUMENTS}/{quote(document.id)}{owner}"


def _matches(document: ListedDocument, pattern: str | None) -> bool:
    return pattern is None or fnmatchcase(document.id, pattern) or fnmatchcase(document.source, pattern)
