"""What the routes' responses share, for the OpenAPI document."""

from __future__ import annotations

from http import HTTPStatus

_PROBLEM = {"content": {"application/problem+json": {"schema": {"type": "object"}}}}


def refusals(*statuses: int) -> dict[int | str, dict[str, object]]:
    """Return how the document describes refusals: those of every request, and these."""
    return {
        status: {"description": HTTPStatus(status).phrase, **_PROBLEM}
        for status in (401, 403, 421, 422, 503, *statuses)
    }


#: Refusals of requests with a body.
WITH_BODY = (400, 408, 413, 415)
