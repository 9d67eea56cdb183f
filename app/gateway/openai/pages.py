"""Lists of OpenAI's API, page by page."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from app.gateway.problems import Refusal


def page(rows: Iterable[dict[str, Any]], after: str | None, limit: int) -> dict[str, Any]:
    """Return up to `limit` rows behind the one with the id `after`.

    Raises:
        Refusal: there is no such row.
    """
    found = list(rows)
    if after is not None:
        place = next((at for at, row in enumerate(found) if row["id"] == after), None)
        if place is None:
            text = "query.after: must be the id of the last row of the page before"
            raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", text)
        found = found[place + 1 :]
    shown = found[:limit]
    ends = {"first_id": shown[0]["id"], "last_id": shown[-1]["id"]} if shown else {"first_id": None, "last_id": None}
    return {"object": "list", "data": shown, **ends, "has_more": len(found) > limit}
