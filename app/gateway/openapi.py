"""What the routes' responses share, for the OpenAPI document."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return how the document describes refusals: those of every request, and these; `api_document` adds the form."""
    every = (401, 403, 421, 422, 429, 500, 503)
    return {status: {"description": HTTPStatus(status).phrase} for status in (*every, *statuses)}


#: Refusals of requests with a body.
WITH_BODY = (400, 408, 413, 415)
