"""What the routes' responses share, for the OpenAPI document."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return how the document describes refusals: those of every request, and these; `api_document` adds the form."""
    return {status: {"description": HTTPStatus(status).phrase} for status in (403, 421, 422, 500, 503, *statuses)}


#: Refusals of requests with a body.
WITH_BODY = (400, 408, 413, 415)
