"""Whose credentials these are: those of an API key, or of a token."""

from __future__ import annotations

import time
from collections.abc import Callable
from hashlib import sha256
from http import HTTPStatus

from app.gateway.problems import Refusal
from app.gateway.views.key_directory import KeyDirectory
from app.security.api_keys import looks_like_key
from app.security.oidc import InvalidToken, KeysUnavailable, TokenVerifier
from app.security.permissions import Roles
from app.security.principal import Principal
from app.security.rate_limits import RateLimits

#: By RFC 6750, section 3.1.
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="meta-ai", error="invalid_token"'}
_UNKNOWN = "these credentials are unknown, expired or revoked; ask for new ones"
#: Tokens that are known to be good, and for how many seconds: the issuer may take their key back meanwhile.
_MOST_TOKENS, _TOKEN_SECONDS = 10_000, 60.0


class Authentication:
    """Recognizes credentials, and slows down who tries many; `clock` is in seconds."""

    def __init__(
        self,
        keys: KeyDirectory,
        roles: Roles,
        tokens: TokenVerifier | None = None,
        clock: Callable[[], float] = time.monotonic,
        *,
        failures_per_minute: int,
    ) -> None:
        self._keys = keys
        self._roles = roles
        self._tokens = tokens
        self._failures = RateLimits(clock)
        self._failures_per_minute = failures_per_minute
        self._verified: dict[bytes, tuple[Principal, float]] = {}

    async def __call__(self, credentials: str, address: str) -> Principal:
        """Return whose credentials these are.

        Raises:
            Refusal: they are nobody's, or the address has failed too often.
        """
        # An API key is looked up in no time and cannot be guessed: so others at its address never lock it out.
        if looks_like_key(credentials):
            if known := self._keys.find(credentials):
                return known.principal(self._roles)
        elif self._tokens and (principal := await self._of_token(self._tokens, credentials, address)):
            return principal
        raise self._failed(address, _UNKNOWN)

    async def _of_token(self, tokens: TokenVerifier, token: str, address: str) -> Principal:
        """Return who brings a token.

        Raises:
            Refusal: it is not accepted, or that cannot be told.
        """
        digest = sha256(token.encode(errors="replace")).digest()
        known = self._verified.get(digest)
        if known and time.time() < known[1]:
            return known[0]
        if not self._failures.peek(address, self._failures_per_minute).allowed:
            raise self._failed(address, _UNKNOWN)
        try:
            principal, end = await tokens.verify(token)
        except InvalidToken as error:
            raise self._failed(address, str(error)) from None
        except KeysUnavailable:
            text = "the keys of the issuer of tokens cannot be fetched; try again soon, or use an API key"
            raise Refusal.unavailable("issuer_unavailable", text) from None
        self._verified[digest] = (principal, min(end, time.time() + _TOKEN_SECONDS))
        if len(self._verified) > _MOST_TOKENS:
            del self._verified[next(iter(self._verified))]
        return principal

    def _failed(self, address: str, text: str) -> Refusal:
        """Count a failure, and return how it is answered."""
        verdict = self._failures.take(address, self._failures_per_minute)
        if verdict.allowed:
            return Refusal(HTTPStatus.UNAUTHORIZED, "unauthenticated", text, headers=_CHALLENGE)
        text = "too many wrong credentials from your address; wait, and send others"
        headers = {"Retry-After": str(verdict.retry_in)}
        return Refusal(HTTPStatus.TOO_MANY_REQUESTS, "rate_limited", text, headers=headers)
