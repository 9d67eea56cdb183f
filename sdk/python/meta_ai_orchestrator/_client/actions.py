"""What the core asks a transport to do: the core itself does no I/O."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

from meta_ai_orchestrator._client.errors import InvalidResponseError

T = TypeVar("T")


@dataclass(slots=True)
class Request:
    """A request as it is sent; `timeout` is how many seconds it may bring nothing. A hook may change its headers."""

    method: str
    url: str
    timeout: float
    headers: dict[str, str] = field(repr=False)  # one of them is the key
    content: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Response:
    """A response as it came; the names of its headers are in lower case. That of a stream has no content."""

    status: int
    headers: Mapping[str, str]
    content: bytes = b""

    @property
    def request_id(self) -> str | None:
        """The id to give to the operators when you ask about the request."""
        return self.headers.get("x-request-id")

    def json(self) -> Any:
        """Return the JSON that it holds.

        Raises:
            InvalidResponseError: it is something else.
        """
        kind = self.headers.get("content-type", "nothing")
        if "json" not in kind:
            raise InvalidResponseError(f"the answer is {kind} instead of JSON: is base_url right?")
        return parsed(self.content)


@dataclass(frozen=True, slots=True)
class Send:
    """Send a request, and give back the whole `Response`."""

    request: Request


@dataclass(frozen=True, slots=True)
class Open:
    """Send a request, and give back a `Response` without its content, which `Read` brings."""

    request: Request


@dataclass(frozen=True, slots=True)
class Read:
    """Give back the next bytes of what was opened; none at its end."""


@dataclass(frozen=True, slots=True)
class Close:
    """Close what was opened."""


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Emit(Generic[T]):
    """Hand an item to the program."""

    item: T


Action: TypeAlias = Send | Open | Read | Close | Sleep
#: What a call does up to what it returns, and what a list or a stream does, item by item.
Steps: TypeAlias = Generator[Action, Any, T]
Emits: TypeAlias = Generator[Action | Emit[T], Any, None]


def parsed(text: bytes | str) -> Any:
    """Return the JSON in a text.

    Raises:
        InvalidResponseError: it is not valid.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidResponseError("the answer is not valid JSON") from None
