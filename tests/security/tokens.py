"""Tokens of an issuer under test."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, Key, RSAKey

ISSUER, AUDIENCE = "https://login.example", "meta-ai"
RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
EC = ECKey.generate_key("P-256", {"kid": "ec"})
NOW = 1_800_000_000


class Known:
    """Keys that need not be fetched."""

    def __init__(self, *keys: Key) -> None:
        self._keys = {key.kid: key for key in keys}

    async def find(self, kid: str | None) -> Key | None:
        return self._keys.get(kid)


def claims(now: float = NOW, **changes: Any) -> dict[str, Any]:
    """Return the claims of a good token; None leaves one out."""
    usual = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "exp": int(now) + 60, "tenant": "acme", "roles": ["viewer"]}
    return {name: value for name, value in {**usual, **changes}.items() if value is not None}


def token(given: Mapping[str, Any] | None = None, key: Key = RSA, header: Mapping[str, Any] | None = None) -> str:
    """Return a signed token."""
    head = {"alg": "RS256" if key is RSA else "ES256", "kid": key.kid, **(header or {})}
    return jwt.encode(head, dict(given or claims()), key, algorithms=[head["alg"]])


def fresh(**changes: Any) -> str:
    """Return a token that is good now."""
    return token(claims(time.time(), **changes))
