"""Turn a step's arguments into an HTTP request that cannot leave the configured service.

The arguments may come from a task, and so from anyone.
"""

from __future__ import annotations

import json
import re
from typing import Literal
from urllib.parse import quote

from pydantic import Field, JsonValue
from yarl import URL

from app.connectors.base import Arguments
from app.errors import ConnectorError

#: Headers for routing and framing, which only the client may set.
_RESERVED = frozenset({"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer"})
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SURROGATES = re.compile("[\ud800-\udfff]")  # lone surrogates cannot be encoded as UTF-8

Scalar = str | bool | int | float


class HttpRequestArguments(Arguments):
    """The arguments of a step.

    `path` is text, not an encoded URL: what is special in a URL is encoded, `?` and `%` included. As a list, each
    part is one segment, in which a slash is encoded too. `query` values that are null are left out. `json` is
    the body, and makes `POST` the method unless another is given.
    """

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] | None = None
    path: str | list[str | int] = ""
    query: dict[str, Scalar | list[Scalar] | None] = Field(default_factory=dict)
    body: JsonValue = Field(default=None, alias="json")
    headers: dict[str, str] = Field(default_factory=dict)

    @property
    def verb(self) -> str:
        """The method, or its default."""
        return self.method or ("POST" if self.has_body else "GET")

    @property
    def has_body(self) -> bool:
        """Whether a body is sent; an explicit null is a body."""
        return "body" in self.model_fields_set

    def url(self, base: URL) -> URL:
        """Return the address below `base`.

        Raises:
            ConnectorError: `path` is not allowed.
        """
        return url_below(base, self.path).with_query(self._pairs())

    def _pairs(self) -> list[tuple[str, str]]:
        several = ((name, value if isinstance(value, list) else [value]) for name, value in self.query.items())
        return [
            (name, one if isinstance(one, str) else json.dumps(one))
            for name, values in several
            for one in values
            if one is not None
        ]


def url_below(base: URL, path: str | list[str | int]) -> URL:
    """Return the address of `path`, always below that of `base`.

    Raises:
        ConnectorError: it has an empty segment, `.`, `..`, a backslash or a control character.
    """
    parts = path.removeprefix("/").split("/") if isinstance(path, str) else [str(part) for part in path]
    if parts in ([], [""]):
        return base
    named = parts[:-1] if isinstance(path, str) and not parts[-1] else parts  # a trailing slash is significant
    if not all(_is_safe_segment(part) for part in named):
        raise ConnectorError(
            "arguments.path: empty segments, `.`, `..`, backslashes and control characters are not allowed"
        )
    joined = "/".join(quote(part, safe="") for part in parts)
    return base.with_path(f"{base.raw_path.rstrip('/')}/{joined}", encoded=True)


def header_problem(header: str, value: str) -> str | None:
    """Return what is wrong with a header, without its value; None if it is valid."""
    if not _HEADER_NAME.fullmatch(header):
        return "is not a valid header name"
    if header.lower() in _RESERVED:
        return "it is set by the client"
    return "its value has a control character" if _CONTROL.search(value) else None


def _is_safe_segment(part: str) -> bool:
    # Even if a server decodes an encoded slash, the path must not lead upwards.
    upwards = {".", ".."} & set(part.split("/")) or "\\" in part
    return bool(part) and not upwards and not _CONTROL.search(part) and not _SURROGATES.search(part)
