"""The document that an item becomes."""

from __future__ import annotations

import json
from base64 import b64encode
from contextlib import suppress
from hashlib import blake2b
from typing import Any

from pydantic import ValidationError

from app.decoding import NotText, decode
from app.errors import SourceError
from app.retrieval.files import MAX_TEXT_BYTES
from app.retrieval.parsing.formats import reading_of
from app.settings import SourceSettings
from app.sources.base import Content, Item
from app.sources.content_types import media_type
from topics.documents import Document

#: Changes when the same item would become another document.
_FORM = 2


def access(item: Item, settings: SourceSettings) -> dict[str, Any]:
    """Return the fields of an item's document that say where it belongs, and who may find it.

    What the source should know and does not is for nobody.
    """
    said = item.permissions
    roles = settings.default_roles if said is None else said.allowed_roles
    tenant = settings.tenant if said is None or said.tenant is None else said.tenant
    return {
        "collection": settings.collection,
        "tenant": tenant,
        "allowed_roles": roles,
        "metadata": {**settings.metadata, **item.metadata},
        "source": item.address,
    }


def version_of(item: Item, settings: SourceSettings, content: Content | None) -> str | None:
    """Return a hash of all that the document depends on; None if the content has to be read for that."""
    if item.version is None and content is None:
        return None
    digest = blake2b(digest_size=16)
    about = [_FORM, access(item, settings), item.version if content is None or item.version else content.content_type]
    digest.update(json.dumps(about, sort_keys=True).encode())
    if item.version is None and content is not None:
        digest.update(content.data)
    return digest.hexdigest()


def document_id(source: str, item: str) -> str:
    """Return the id of the document of an item."""
    return f"{source}/{item}"


def document_of(source: str, item: Item, content: Content, settings: SourceSettings, actor: str) -> Document:
    """Return the document.

    Raises:
        SourceError: the content is of a kind that documents cannot have, or is not text, or a field is not valid.
    """
    fields = {**access(item, settings), "id": document_id(source, item.id), **_body(content)}
    try:
        return Document(**fields, actor=actor)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_context=False, include_input=False)[0]
        raise SourceError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _body(content: Content) -> dict[str, Any]:
    """Return the text of a document, or, of what is read where documents are ingested, its data."""
    reading = reading_of(content.content_type)
    if reading is None:
        raise SourceError(f"{media_type(content.content_type)[:100]} cannot be read: leave it out")
    if reading in {"markdown", "text", "code"} and len(content.data) <= MAX_TEXT_BYTES:
        with suppress(NotText):
            text = decode(content.data, content.charset)
            if "\0" in text:
                raise SourceError(f"it is not text: it has a NUL at character {text.index(chr(0))}")
            form = "markdown" if reading == "markdown" else "text"
            return {
                "text": text,
                "format": form,
                **({"content_type": content.content_type} if reading == "code" else {}),
            }
    return {"content_type": content.content_type, "data": b64encode(content.data).decode()}
