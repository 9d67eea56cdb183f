"""When a request is sent again."""

from __future__ import annotations

import random
from http import HTTPStatus

from meta_ai_orchestrator._client.errors import APIConnectionError, APIError

#: Seconds: a refusal that asks for a longer wait is the program's.
LONGEST_TOLD = 60.0
_FIRST, _LONGEST = 0.5, 8.0


def retry_delay(error: Exception, attempt: int, *, repeatable: bool = True) -> float | None:
    """Return the seconds until the next attempt after this one (0, 1, …), or None if there should be none.

    Conflicts (409) are final: those of the gateway do not pass by waiting.
    """
    match error:
        case APIError():
            if not _may_pass(error, repeatable=repeatable):
                return None
            if error.retry_after is not None:
                return error.retry_after if error.retry_after <= LONGEST_TOLD else None
        case APIConnectionError():
            if error.sent and not repeatable:
                return None
        case _:
            return None
    # Clients that were refused together come back apart.
    return min(_FIRST * 2.0 ** min(attempt, 10), _LONGEST) * random.uniform(0.75, 1)  # noqa: S311  # no secret


def _may_pass(error: APIError, *, repeatable: bool) -> bool:
    if error.response.headers.get("x-should-retry") == "false":
        return False
    # These two are refused before anything is done.
    refused = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
    return error.status in refused or (error.status >= HTTPStatus.INTERNAL_SERVER_ERROR and repeatable)
