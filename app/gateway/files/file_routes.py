"""`/v1/files`: upload files, list them, and read them."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from http import HTTPStatus
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from app.delivery.kafka.file_reader import FileLost
from app.gateway.access.admission import Caller
from app.gateway.files.upload import Upload
from app.gateway.openai.pages import page
from app.gateway.openapi import WITH_BODY, refusals
from app.gateway.parts import Parts
from app.gateway.problems import Refusal
from app.security.principal import Principal
from topics.files import StoredFile

PATH = "/v1/files"
MEDIA_TYPES = frozenset({"multipart/form-data"})
_PURPOSE = re.compile(r"[a-z0-9_-]{1,64}")
_FORM = {
    "type": "object",
    "required": ["file", "purpose"],
    "properties": {"purpose": {"type": "string"}, "file": {"type": "string", "format": "binary"}},
}
_BYTES: dict[str, Any] = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}

Limit = Annotated[int, Query(ge=1, le=10_000)]
After = Annotated[str | None, Query(max_length=100)]
Purpose = Annotated[str | None, Query(max_length=64)]


def routes(parts: Parts) -> APIRouter:
    """Return the routes."""
    router = APIRouter()

    @router.post(
        PATH,
        responses=refusals(*WITH_BODY),
        openapi_extra={"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}}},
    )
    async def upload(request: Request, caller: Caller) -> dict[str, Any]:
        """Keep a file."""
        writer = parts.files.write(caller.tenant or "")
        form = Upload(request.headers["content-type"], writer, parts.settings.gateway.max_file_bytes)
        await form.read(request.stream())
        if not _PURPOSE.fullmatch(purpose := form.field("purpose")):
            text = "purpose: must say what the file is for, as in batch"
            raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", text)
        return as_json(await writer.finish(form.filename or "", purpose))

    @router.get(PATH, responses=refusals())
    async def files(
        caller: Caller,
        purpose: Purpose = None,
        after: After = None,
        limit: Limit = 1000,
        order: Literal["asc", "desc"] = "desc",
    ) -> dict[str, Any]:
        """List the files, newest first."""
        parts.files.require_read()
        found = [as_json(file) for file in parts.files.all() if _shown(file, caller, purpose)]
        return page(found if order == "asc" else reversed(found), after, limit)

    @router.get("/v1/files/{file_id}", responses=refusals(404))
    async def file(file_id: str, caller: Caller) -> dict[str, Any]:
        """Return what is known of a file."""
        return as_json(await known(parts, file_id, caller))

    @router.get(
        "/v1/files/{file_id}/content", responses={200: {"content": _BYTES}, **refusals(404)}, response_class=Response
    )
    async def content(file_id: str, caller: Caller) -> Response:
        """Return what is in a file."""
        found = await known(parts, file_id, caller)
        pieces = parts.files.read(found)
        try:
            first = await anext(pieces, b"")  # so that what cannot be read is answered by a status
        except FileLost:
            raise _unknown() from None
        headers = {
            "Content-Length": str(found.bytes),
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(found.filename or found.id, safe='')}",
        }
        return StreamingResponse(_joined(first, pieces), headers=headers, media_type="application/octet-stream")

    @router.delete("/v1/files/{file_id}", responses=refusals(404, *WITH_BODY))
    async def delete(file_id: str, caller: Caller) -> dict[str, Any]:
        """Forget a file."""
        await parts.files.delete(await known(parts, file_id, caller))
        return {"id": file_id, "object": "file", "deleted": True}

    return router


def as_json(file: StoredFile) -> dict[str, Any]:
    """Return a file as OpenAI's API has it."""
    return {
        "id": file.id,
        "object": "file",
        "bytes": file.bytes,
        "created_at": int(file.created_at.timestamp()),
        "filename": file.filename,
        "purpose": file.purpose,
        "status": "processed",
    }


def _shown(file: StoredFile, caller: Principal, purpose: str | None) -> bool:
    return caller.may_see(file.tenant) and purpose in {None, file.purpose}


async def known(parts: Parts, file_id: str, caller: Principal) -> StoredFile:
    """Return a file.

    Raises:
        Refusal: there is none that the caller may see, or that is not known yet.
    """
    parts.files.require_read()
    if (found := await parts.files.find(file_id)) and caller.may_see(found.tenant):
        return found
    raise _unknown()


def _unknown() -> Refusal:
    text = "there is no such file, or it is older than topics.retention; GET /v1/files lists what there is"
    return Refusal(HTTPStatus.NOT_FOUND, "unknown_file", text)


async def _joined(first: bytes, rest: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    yield first
    async for piece in rest:
        yield piece
