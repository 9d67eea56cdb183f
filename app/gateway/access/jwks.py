"""The public keys of an OpenID Connect issuer: fetched, kept, and fetched again when they rotate."""

from __future__ import annotations

import asyncio
import json
import logging
import time
import warnings
from collections.abc import Callable, Mapping
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

import aiohttp
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from app.security.oidc import KeysUnavailable
from app.settings import OidcSettings, is_safe_url

log = logging.getLogger(__name__)

#: Seconds: after which keys are fetched again, how often they are at most, and how long old ones are used in an outage.
FRESH_SECONDS, REFETCH_SECONDS, STALE_SECONDS = 300.0, 30.0, 86400.0
_TIMEOUT = aiohttp.ClientTimeout(total=5.0)
_MOST_BYTES = 256 * 1024
_TYPES: Mapping[str, type[RSAKey | ECKey | OKPKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
_SHORTEST_RSA = 2048

Keys = Mapping[str | None, Key]


class Jwks:
    """The keys of an issuer by their ids, while its context lasts.

    An id that is not known has the keys fetched again, but not more often than every `REFETCH_SECONDS`, however many
    such ids come. If the issuer cannot be reached, the old keys are used for a day.
    """

    def __init__(self, settings: OidcSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._keys: Keys = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._fetching: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(timeout=_TIMEOUT)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._fetching:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)
        await self._http.close()

    async def find(self, kid: str | None) -> Key | None:
        """Return the key of this id, or without an id the only one.

        Raises:
            KeysUnavailable: the issuer has never been reached, or not for too long.
        """
        unusable = kid not in self._keys or self._age() > STALE_SECONDS
        fetching = self._fetch_soon() if unusable or self._age() > FRESH_SECONDS else None
        if fetching and unusable:
            await asyncio.shield(fetching)
        if self._age() > STALE_SECONDS:
            raise KeysUnavailable
        return self._keys.get(kid)

    def _age(self) -> float:
        return float("inf") if self._fetched_at is None else self._clock() - self._fetched_at

    def _fetch_soon(self) -> asyncio.Task[None] | None:
        """Return the fetch that is under way, or begin one unless the last was a moment ago."""
        now = self._clock()
        if self._fetching is None and (self._tried_at is None or now - self._tried_at >= REFETCH_SECONDS):
            self._tried_at = now
            self._fetching = asyncio.create_task(self._fetch())
            self._fetching.add_done_callback(self._fetched)
        return self._fetching

    def _fetched(self, _: asyncio.Task[None]) -> None:
        self._fetching = None

    async def _fetch(self) -> None:
        try:
            found = await self._get(self._settings.jwks_url or await self._discover())
            keys = _usable(found.get("keys"))
        except (aiohttp.ClientError, TimeoutError, ValueError, RecursionError) as error:
            log.warning("the keys of %s cannot be fetched: %s", self._settings.issuer, type(error).__name__)
            return
        if not keys:
            log.warning("%s has no key that can be used", self._settings.issuer)
            return
        self._keys, self._fetched_at = keys, self._clock()

    async def _discover(self) -> str:
        """Return where the keys are, as the issuer says.

        Raises:
            ValueError: it says nothing that can be used.
        """
        found = await self._get(f"{self._settings.issuer.rstrip('/')}/.well-known/openid-configuration")
        url = found.get("jwks_uri")
        if found.get("issuer") != self._settings.issuer or not isinstance(url, str) or not is_safe_url(url):
            raise ValueError("another issuer")
        return url

    async def _get(self, url: str) -> dict[str, Any]:
        async with self._http.get(url, allow_redirects=False) as answer:
            if answer.status != HTTPStatus.OK:
                raise ValueError("no success")
            body = await answer.content.read(_MOST_BYTES + 1)
            while len(body) <= _MOST_BYTES and (more := await answer.content.read(_MOST_BYTES)):
                body += more
        found = json.loads(body) if len(body) <= _MOST_BYTES else None
        if not isinstance(found, dict):
            raise ValueError("no object")  # noqa: TRY004  # one error for all that cannot be read
        return found


def _usable(found: Any) -> Keys:
    """Return the public keys for signatures, by their ids; the only one also without its id."""
    keys: dict[str | None, Key] = {}
    for one in found if isinstance(found, list) else ():
        kind = _TYPES.get(one.get("kty", "")) if isinstance(one, dict) else None
        if kind is None or one.get("use", "sig") != "sig":
            continue
        try:
            with warnings.catch_warnings():  # of short keys, which are left out below
                warnings.simplefilter("ignore", SecurityWarning)
                key = kind.import_key({name: value for name, value in one.items() if name != "d"})
        except (JoseError, ValueError, TypeError):
            continue
        if isinstance(key, RSAKey) and key.public_key.key_size < _SHORTEST_RSA:
            continue
        kid = one.get("kid")
        keys[kid if isinstance(kid, str) else key.thumbprint()] = key
    return {**keys, None: next(iter(keys.values()))} if len(keys) == 1 else keys
