"""HTTP responses, and errors as RFC 9457 problem details."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A complete response; `headers` are added to the common ones."""

    body: bytes
    content_type: str = "application/json"
    status: int = HTTPStatus.OK
    headers: tuple[tuple[str, str], ...] = ()


def problem_response(
    status: HTTPStatus, detail: str, headers: tuple[tuple[str, str], ...] = (), **members: Any
) -> HttpResponse:
    """Return the problem as a response; `members` are additional fields for programs."""
    # With `about:blank` the RFC requires the title to be the phrase of the status.
    fields = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail, **members}
    return HttpResponse(encode(fields), "application/problem+json", status, headers)


def encode(value: Any) -> bytes:
    """Return compact UTF-8 JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
