"""Windows of time that figures are computed over, and how much they may hold."""

from __future__ import annotations

import time
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, NamedTuple

from fastapi import Query
from pydantic import Field, TypeAdapter, ValidationError

from app.client import topic_ranges
from app.gateway.parts import Parts
from app.gateway.problems import Refusal
from app.gateway.rest.pages import decode_cursor, encode_cursor, invalid_cursor
from app.settings import Seconds
from topics.base import Topic

#: The most events that one request reads.
MOST_EVENTS = 200_000

Window = Annotated[Seconds, Query(le=366 * 86400, description="how far back, in seconds, or as in 15m, 12h or 7d")]
_Epoch = Annotated[float, Field(ge=0, le=1e11, allow_inf_nan=False)]
_PLACE = TypeAdapter(tuple[_Epoch, _Epoch, Annotated[int, Field(ge=0, le=2**31)]])


def epoch(moment: datetime | None) -> float | None:
    """Return a time in epoch seconds."""
    return moment.timestamp() if moment else None


class Place(NamedTuple):
    """A place in a list of what was computed between two times (epoch seconds): so many rows were given before."""

    since: float
    until: float
    skip: int = 0

    @classmethod
    def of(cls, window: float, cursor: str) -> Place:
        """Return the place at a cursor; without one, the beginning of a window that ends now.

        Raises:
            Refusal: the cursor is not one that a page gave.
        """
        if not cursor:
            now = time.time()
            return cls(max(0.0, now - window), now)
        try:
            return cls(*_PLACE.validate_python(decode_cursor(cursor)))
        except ValidationError:
            raise invalid_cursor() from None

    def next(self, limit: int, count: int) -> str | None:
        """Return the cursor behind `limit` of `count` rows, if there are more."""
        end = self.skip + limit
        return encode_cursor([self.since, self.until, end]) if end < count else None


async def require_readable(parts: Parts, since: float, *topics: Topic[Any]) -> None:
    """Return if topics have no more events from then on (epoch seconds) than a request may read.

    Raises:
        Refusal: they have more.
    """
    count = await topic_ranges.count_since(parts.client, since, *topics)
    if count > MOST_EVENTS:
        text = f"query.window: it has {count} events, and at most {MOST_EVENTS} are read at once; give a shorter one"
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "window_too_large", text)
