"""`documents`: the documents to retrieve from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from topics.base import Event, Topic
from topics.files import StoredFile
from topics.metadata_filters import MetadataValue

#: A text without control characters, so that the separator of keys is in none.
_PLAIN = r"^[^\x00-\x1f]*$"
#: Between a tenant and a document's id in keys.
_SEPARATOR = "\x1f"

#: Characters of the name of whoever sends a document.
LONGEST_ACTOR = 200

#: Whom something is for; empty: all of them.
Tenant = Annotated[str, Field(max_length=100, pattern=_PLAIN)]
#: The names of roles.
RoleNames = Annotated[tuple[Annotated[str, Field(max_length=100)], ...], Field(max_length=100)]


class Document(Event):
    """A whole document; the same `id` again replaces it, and `deleted` removes it.

    `source` is what citations name (a path or an address); it is the id when absent. Only tasks of its `tenant` find
    it, or, without one, those of every tenant; the same id in two tenants is two documents. With `allowed_roles`, only
    tasks with one of these roles find it. Searches can filter by `metadata`. `actor` is who sends it, for the record.

    What is no Markdown or plain text has a `content_type`, as in `application/pdf`, and is `data` in base64, or a
    `file` whose pieces are on file-pieces; or `text`, as of `text/x-python`. Then `format` is passed over.
    """

    id: str = Field(min_length=1, max_length=500)
    text: str = ""
    source: str | None = None
    format: Literal["markdown", "text"] = "markdown"
    collection: str = "default"
    metadata: dict[str, MetadataValue] = Field(default_factory=dict)
    content_type: str | None = Field(default=None, max_length=200)
    data: str | None = None
    file: StoredFile | None = None
    deleted: bool = False
    tenant: Tenant = ""
    allowed_roles: RoleNames | None = None
    actor: str = Field(default="", max_length=LONGEST_ACTOR)

    @property
    def key(self) -> str:
        """The key of its events."""
        return document_key(self.tenant, self.id)


def document_key(tenant: str, document_id: str) -> str:
    """Return what names one document of all tenants: its id, after the tenant if it has one."""
    if not tenant and _SEPARATOR not in document_id:
        return document_id
    return f"{tenant}{_SEPARATOR}{document_id}"  # no two documents share it, as no tenant has the separator


def tenant_of(key: str) -> str:
    """Return the tenant in what `document_key` returns."""
    tenant, separator, _ = key.partition(_SEPARATOR)
    return tenant if separator else ""


def _deleted(key: str) -> Document:
    _, separator, document_id = key.partition(_SEPARATOR)
    return Document(id=document_id if separator else key, tenant=tenant_of(key), deleted=True)


DOCUMENTS = Topic(
    name="documents",
    event=Document,
    type="meta_ai.document",
    key="document id; of a tenant's, the tenant, U+001F and the id",
    summary="Documents to retrieve from: add, replace or delete.",
    compacted=True,
    open=True,
    tombstone=_deleted,
)
