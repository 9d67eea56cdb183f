from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OctKey, RSAKey

from app.gateway.access.jwks import FRESH_SECONDS, REFETCH_SECONDS, STALE_SECONDS, Jwks
from app.security.oidc import KeysUnavailable
from app.settings import OidcSettings

A, B = ECKey.generate_key("P-256", {"kid": "a"}), ECKey.generate_key("P-256", {"kid": "b"})


class Issuer:
    """Serves keys, and counts how often it is asked."""

    def __init__(self) -> None:
        self.keys: list[Any] = [A.as_dict(private=False)]
        self.status = 200
        self.asked = 0
        self.document: dict[str, Any] = {}
        self.url = ""

    async def serve_keys(self, _: web.Request) -> web.Response:
        self.asked += 1
        await asyncio.sleep(0.01)
        return web.json_response({"keys": self.keys}, status=self.status, headers={"Location": "/other"})

    async def serve_document(self, _: web.Request) -> web.Response:
        return web.json_response({"issuer": self.url, "jwks_uri": f"{self.url}/keys", **self.document})


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    found = Issuer()
    app = web.Application()
    app.router.add_get("/keys", found.serve_keys)
    app.router.add_get("/.well-known/openid-configuration", found.serve_document)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield found
    await runner.cleanup()


def settings(issuer: Issuer) -> OidcSettings:
    return OidcSettings(issuer=issuer.url, audience="meta-ai", tenant="claims.tenant", roles="claims.roles")


async def settled(keys: Jwks) -> None:
    """Return when no fetch is under way."""
    if keys._fetching:
        await asyncio.wait([keys._fetching])
    await asyncio.sleep(0)


async def test_that_keys_are_found_by_discovery_and_fetched_once(issuer: Issuer) -> None:
    async with Jwks(settings(issuer), Clock()) as keys:
        found = await asyncio.gather(*[keys.find("a") for _ in range(20)])
        assert {one.thumbprint() for one in found if one} == {A.thumbprint()}
        assert issuer.asked == 1


async def test_that_a_rotated_key_is_fetched_and_an_old_one_goes(issuer: Issuer) -> None:
    clock = Clock()
    async with Jwks(settings(issuer), clock) as keys:
        assert await keys.find("a")
        issuer.keys = [B.as_dict(private=False)]
        clock.now = REFETCH_SECONDS
        assert await keys.find("b")  # at once, as it is not known
        assert await keys.find("a") is None


async def test_that_many_unknown_ids_do_not_become_many_requests(issuer: Issuer) -> None:
    clock = Clock()
    async with Jwks(settings(issuer), clock) as keys:
        await keys.find("a")
        for number in range(200):
            clock.now += 0.1
            assert await keys.find(f"kid-{number}") is None
        assert issuer.asked <= 2
        assert await keys.find("a")


async def test_that_keys_that_are_old_are_fetched_again_without_waiting(issuer: Issuer) -> None:
    clock = Clock()
    async with Jwks(settings(issuer), clock) as keys:
        await keys.find("a")
        issuer.keys = []
        clock.now = FRESH_SECONDS + 1
        assert await keys.find("a")
        await settled(keys)
        assert issuer.asked == 2
        assert await keys.find("a")  # an issuer without keys is taken for a broken one


@pytest.mark.parametrize("status", [500, 302, 404])
async def test_that_old_keys_are_used_in_an_outage_for_a_while(issuer: Issuer, status: int) -> None:
    clock = Clock()
    async with Jwks(settings(issuer), clock) as keys:
        await keys.find("a")
        issuer.status = status
        clock.now = STALE_SECONDS - 1
        assert await keys.find("a")
        await settled(keys)
        clock.now = STALE_SECONDS + REFETCH_SECONDS + 1
        with pytest.raises(KeysUnavailable):
            await keys.find("a")
        issuer.status = 200
        clock.now += REFETCH_SECONDS
        assert await keys.find("a")


async def test_that_an_issuer_that_was_never_reached_is_told_apart_from_an_unknown_key(issuer: Issuer) -> None:
    issuer.status = 503
    async with Jwks(settings(issuer), Clock()) as keys:
        for _ in range(3):
            with pytest.raises(KeysUnavailable):
                await keys.find("a")
        assert issuer.asked == 1


@pytest.mark.parametrize(
    "document", [{"issuer": "https://evil.example"}, {"jwks_uri": "http://evil.example/keys"}, {"jwks_uri": 5}]
)
async def test_that_only_the_issuer_itself_says_where_its_keys_are(issuer: Issuer, document: dict[str, Any]) -> None:
    issuer.document = document
    async with Jwks(settings(issuer), Clock()) as keys:
        with pytest.raises(KeysUnavailable):
            await keys.find("a")
    assert issuer.asked == 0


async def test_that_keys_for_nothing_or_of_little_use_are_left_out(issuer: Issuer) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)
        weak = RSAKey.generate_key(1024, {"kid": "weak"})
    issuer.keys = [
        weak.as_dict(private=False),
        OctKey.import_key("a secret of the issuer").as_dict(private=True) | {"kid": "oct"},
        {**B.as_dict(private=False), "use": "enc"},
        {"kty": "EC", "kid": "broken"},
        {"kty": "ML-DSA", "kid": "new"},
        "no key",
        A.as_dict(private=False),
    ]
    async with Jwks(settings(issuer), Clock()) as keys:
        assert await keys.find("a")
        assert await keys.find(None)  # the only one that is left
        for kid in ("weak", "oct", "b", "broken", "new"):
            assert await keys.find(kid) is None


async def test_that_a_token_without_an_id_needs_an_issuer_with_one_key(issuer: Issuer) -> None:
    issuer.keys = [A.as_dict(private=False), B.as_dict(private=False)]
    async with Jwks(settings(issuer), Clock()) as keys:
        assert await keys.find(None) is None


async def test_that_a_huge_answer_is_not_read(issuer: Issuer) -> None:
    issuer.keys = ["x" * 300_000, A.as_dict(private=False)]
    async with Jwks(settings(issuer), Clock()) as keys:
        with pytest.raises(KeysUnavailable):
            await keys.find("a")
