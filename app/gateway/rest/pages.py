"""Lists page by page: a cursor says where the next page begins."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query
from pydantic import JsonValue

from app.client.client import Client, OffsetRange
from app.client.newest_first import newest_first
from app.gateway.problems import Refusal
from topics.base import Topic

T = TypeVar("T")

#: The most that a page holds, and the most records of a topic that one looks at: with a filter that few pass, a page
#: may be short, and there may be more.
MOST, LOOKED_AT = 100, 500
_LONGEST_CURSOR = 8192

Filter = Annotated[str | None, Query(max_length=200)]
Cursor = Annotated[str, Query(description="`next` of the page before")]
Limit = Annotated[int, Query(ge=1, le=MOST)]


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows, and the cursor of the next page; None after the last."""

    rows: Sequence[T]
    next: str | None = None


async def newest_page(
    client: Client, topic: Topic[Any], cursor: str, limit: int, take: Callable[[Any], T | None]
) -> Page[T]:
    """Return what `take` makes of the newest `limit` records of a topic, or of those before `cursor`.

    Where it returns None, the record is left out.

    Raises:
        Refusal: the cursor is not one that a page gave.
        BrokerError: the broker fails.
    """
    spans = await client.bounds([topic])
    spans = {place: OffsetRange(span.begin, end) for place, span, end in _up_to(spans, cursor)}
    ends = {place: span.end for place, span in spans.items()}
    rows: list[T] = []
    looked_at = 0
    async with aclosing(newest_first(client, spans, take)) as found:
        async for place, offset, row in found:
            ends[place], looked_at = offset, looked_at + 1
            if row is not None:
                rows.append(row)
            if len(rows) == limit or looked_at == LOOKED_AT:
                break
    more = looked_at and any(ends[place] > span.begin for place, span in spans.items())
    return Page(rows, encode_cursor({place.partition: end for place, end in ends.items()}) if more else None)


def page_by_name(rows: Sequence[T], name: Callable[[T], str], cursor: str, limit: int) -> Page[T]:
    """Return the first `limit` rows, which are in the order of their unique names, after the one that `cursor` names.

    Raises:
        Refusal: the cursor is not one that a page gave.
    """
    after = decode_cursor(cursor) if cursor else ""
    if not isinstance(after, str):
        raise invalid_cursor()
    left = [row for row in rows if name(row) > after]
    return Page(left[:limit], encode_cursor(name(left[limit - 1])) if len(left) > limit else None)


def _up_to(spans: dict[Any, OffsetRange], cursor: str) -> Iterator[tuple[Any, OffsetRange, int]]:
    given = _offsets(cursor) if cursor else {}
    for place, span in spans.items():
        end = given.get(place.partition, span.end)
        yield place, span, max(span.begin, min(end, span.end))


def _offsets(cursor: str) -> dict[int, int]:
    try:
        data: Any = decode_cursor(cursor)
        return {int(partition): int(end) for partition, end in data.items()}
    except (ValueError, AttributeError, TypeError, OverflowError):
        raise invalid_cursor() from None


def encode_cursor(value: Any) -> str:
    """Return a cursor that stands for plain JSON."""
    text = json.dumps(value, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> JsonValue:
    """Return what a cursor stands for; whoever reads it checks it.

    Raises:
        Refusal: it is none.
    """
    if len(cursor) > _LONGEST_CURSOR:
        raise invalid_cursor()
    try:
        parsed: JsonValue = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError):
        raise invalid_cursor() from None
    return parsed


def invalid_cursor() -> Refusal:
    """Return the refusal of a cursor."""
    text = "query.cursor: must be the `next` of a page before"
    return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", text)
