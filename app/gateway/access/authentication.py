"""Whose credentials these are: those of an API key."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from app.gateway.problems import Refusal
from app.gateway.views.key_directory import KeyDirectory
from app.security.api_keys import looks_like_key
from app.security.permissions import Roles
from app.security.principal import Principal
from app.security.rate_limits import RateLimits

#: By RFC 6750, section 3.1.
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="meta-ai", error="invalid_token"'}


class Authentication:
    """Recognizes credentials, and slows down who tries many."""

    def __init__(
        self, keys: KeyDirectory, roles: Roles, clock: Callable[[], float], *, failures_per_minute: int
    ) -> None:
        self._keys = keys
        self._roles = roles
        self._failures = RateLimits(clock)
        self._failures_per_minute = failures_per_minute

    async def __call__(self, credentials: str, address: str) -> Principal:
        """Return whose credentials these are.

        Raises:
            Refusal: they are nobody's, or the address has failed too often.
        """
        # An API key is looked up in no time and cannot be guessed: so others at its address never lock it out.
        if looks_like_key(credentials) and (known := self._keys.find(credentials)):
            return known.principal(self._roles)
        verdict = self._failures.take(address, self._failures_per_minute)
        if not verdict.allowed:
            text = "too many wrong credentials from your address; wait, and send others"
            headers = {"Retry-After": str(verdict.retry_in)}
            raise Refusal(HTTPStatus.TOO_MANY_REQUESTS, "rate_limited", text, headers=headers)
        text = "these credentials are unknown, expired or revoked; ask for a new API key"
        raise Refusal(HTTPStatus.UNAUTHORIZED, "unauthenticated", text, headers=_CHALLENGE)
