"""Documents as resources: which a client is told of, and their texts."""

from __future__ import annotations

from urllib.parse import parse_qs, quote, unquote, urlsplit

from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, ListResourcesResult, ReadResourceResult, Resource, TextResourceContents

from app.admin import document_listing, document_state
from app.admin.document_listing import ListedDocument
from app.gateway.parts import Parts
from app.gateway.rest.pages import page_by_name
from app.security.principal import Principal

#: The action that a caller must be allowed, as over `/v1/documents`.
READ = "documents:read"
_BEGIN = "meta-ai://documents/"
_PAGE = 100
_MEDIA_TYPES = {"markdown": "text/markdown", "text": "text/plain"}


async def list_documents(parts: Parts, caller: Principal, cursor: str) -> ListResourcesResult:
    """Return a page of the documents that a caller's tasks can find; without the right to read them, there are none.

    Raises:
        Refusal: the cursor is not one that a page gave, or too many requests read whole topics.
        BrokerError: the broker fails.
    """
    if not caller.may(READ):
        return ListResourcesResult(resources=[])
    async with parts.scanning():
        found = await document_listing.read(parts.client)
    visible = [one for one in found if caller.may_find(one.tenant, one.allowed_roles)]
    page = page_by_name(visible, lambda one: f"{one.id}\0{one.tenant}", cursor, _PAGE)
    return ListResourcesResult(resources=[_resource(one) for one in page.rows], next_cursor=page.next)


async def read_document(parts: Parts, caller: Principal, uri: str) -> ReadResourceResult:
    """Return the text of a document as it was sent last.

    Raises:
        MCPError: there is none that the caller may find.
        Refusal: too many requests read whole topics.
        BrokerError: the broker fails.
    """
    if not caller.may(READ):
        raise MCPError(INVALID_PARAMS, f"{READ} is not allowed to your roles ({', '.join(caller.roles) or 'none'})")
    if (named := _named(uri)) is None:
        raise _unknown(uri)
    document_id, tenant = named
    if not caller.may_find(tenant, None):  # not looked for, so that its time tells nothing
        raise _unknown(uri)
    async with parts.scanning():
        document = await document_state.last_sent(parts.client, document_id, tenant)
    if document is None or not caller.may_find(tenant, document.allowed_roles):
        raise _unknown(uri)
    text = TextResourceContents(uri=uri, mime_type=_MEDIA_TYPES[document.format], text=document.text)
    return ReadResourceResult(contents=[text])


def uri_of(document_id: str, tenant: str) -> str:
    """Return the address of a document."""
    owner = f"?tenant={quote(tenant, safe='')}" if tenant else ""
    return f"{_BEGIN}{quote(document_id, safe='')}{owner}"


def _named(uri: str) -> tuple[str, str] | None:
    """Return the id and the tenant in an address; None if it is that of no document."""
    parts = urlsplit(uri)
    named = unquote(parts.path.removeprefix("/")), parse_qs(parts.query).get("tenant", [""])[0]
    return named if named[0] and uri == uri_of(*named) else None


def _unknown(uri: str) -> MCPError:
    return MCPError(INVALID_PARAMS, f"there is no document {uri[:500]}; resources/list has those that you may read")


def _resource(document: ListedDocument) -> Resource:
    return Resource(
        uri=uri_of(document.id, document.tenant),
        name=document.id,
        title=document.title or None,
        description=f"{document.source}, in the collection {document.collection}",
    )
