from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import warnings
from typing import Any

import pytest
from joserfc import jws, jwt
from joserfc.jwk import RSAKey

from app.errors import ConfigurationError
from app.security.oidc import InvalidToken, TokenVerifier
from app.security.permissions import ROLES, Roles
from app.settings import OidcSettings
from tests.security.tokens import AUDIENCE, EC, ISSUER, NOW, RSA, Known, claims, token

SETTINGS = OidcSettings(issuer=ISSUER, audience=AUDIENCE, tenant="claims.tenant", roles="claims.roles", clock_skew=30)


def verifier(**changes: Any) -> TokenVerifier:
    return TokenVerifier(SETTINGS.model_copy(update=changes), Roles({}), Known(RSA, EC), lambda: NOW)


async def refused(given: str, **changes: Any) -> str:
    with pytest.raises(InvalidToken) as caught:
        await verifier(**changes).verify(given)
    return str(caught.value)


def encoded(part: Any) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def forged(header: dict[str, Any], given: dict[str, Any] | None = None, secret: bytes | None = None) -> str:
    """Return a token that is signed by HMAC, or not at all."""
    text = f"{encoded(header)}.{encoded(given or claims())}"
    signature = hmac.new(secret, text.encode(), hashlib.sha256).digest() if secret else b""
    return f"{text}.{encoded(signature) if secret else ''}"


@pytest.mark.parametrize("key", [RSA, EC])
async def test_that_a_good_token_tells_who_brings_it(key: Any) -> None:
    principal, end = await verifier().verify(token(key=key))
    assert (principal.id, principal.kind, principal.tenant, principal.roles) == (
        "token:ann",
        "token",
        "acme",
        ("viewer",),
    )
    assert principal.actions == ROLES["viewer"]
    assert end == NOW + 90


@pytest.mark.parametrize("aud", [[AUDIENCE, "other"], [AUDIENCE]])
async def test_that_a_token_may_be_for_several(aud: list[str]) -> None:
    assert await verifier().verify(token(claims(aud=aud)))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "https://evil.example"}, "iss"),
        ({"iss": ISSUER + "/"}, "iss"),
        ({"iss": [ISSUER]}, "iss"),
        ({"iss": None}, "iss"),
        ({"aud": "other"}, "aud"),
        ({"aud": ["other"]}, "aud"),
        ({"aud": []}, "aud"),
        ({"aud": None}, "aud"),
        ({"exp": NOW - 31}, "expired"),
        ({"exp": None}, "exp"),
        ({"exp": "tomorrow"}, "exp"),
        ({"nbf": NOW + 31}, "nbf|not valid yet|be read"),
        ({"iat": NOW + 31}, "iat"),
        ({"sub": None}, "sub"),
        ({"sub": ""}, "sub"),
        ({"sub": "a\nb"}, "sub"),
        ({"sub": "x" * 201}, "sub"),
        ({"sub": 5}, "sub"),
        ({"tenant": None}, "oidc.tenant cannot be evaluated"),
        ({"tenant": 5}, "do not give a tenant"),
        ({"tenant": "a\0b"}, "do not give a tenant"),
        ({"tenant": "x" * 101}, "do not give a tenant"),
        ({"roles": {"admin": True}}, "do not give roles"),
        ({"roles": [1]}, "do not give roles"),
    ],
)
async def test_that_wrong_claims_are_refused(changes: dict[str, Any], reason: str) -> None:
    assert re.search(reason, await refused(token(claims(**changes))))


@pytest.mark.parametrize("changes", [{"exp": NOW - 29}, {"nbf": NOW + 29}, {"iat": NOW + 29}])
async def test_that_clocks_may_differ_a_little(changes: dict[str, Any]) -> None:
    assert await verifier().verify(token(claims(**changes)))


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", None, 5, ["RS256"]])
async def test_that_an_unsigned_token_is_refused(alg: Any) -> None:
    assert await refused(forged({"alg": alg, "kid": "rsa"}))
    assert await refused(forged({"kid": "rsa"}))


async def test_that_the_public_key_is_no_secret_to_sign_with() -> None:
    for public in (
        RSA.as_pem(private=False),
        RSA.as_der(private=False),
        json.dumps(RSA.as_dict(private=False)).encode(),
    ):
        for secret in (public, public.strip()):
            assert await refused(forged({"alg": "HS256", "kid": "rsa"}, secret=secret))


async def test_that_only_the_configured_algorithms_count() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        others = [jwt.encode({"alg": alg, "kid": "rsa"}, claims(), RSA, [alg]) for alg in ("RS384", "PS256")]
    for one in others:
        assert "must be signed with RS256 or ES256" in await refused(one)
    assert "must be signed with ES256" in await refused(token(), algorithms=("ES256",))


async def test_that_a_key_of_another_kind_is_refused() -> None:
    assert await refused(token(key=EC, header={"kid": "rsa"}))
    assert await refused(token(key=RSA, header={"kid": "ec"}))
    assert await refused(forged({"alg": "ES256", "kid": "rsa"}, secret=b"x"))


@pytest.mark.parametrize(
    "kid", ["../../../../dev/null", "' OR 1=1 --", "https://evil.example/key", "", "rsa\0", "x" * 300, None]
)
async def test_that_a_kid_is_a_name_and_nothing_else(kid: str | None) -> None:
    stranger, header = RSAKey.generate_key(2048), {"alg": "RS256"} if kid is None else {"alg": "RS256", "kid": kid}
    assert "does not have" in await refused(jwt.encode(header, claims(), stranger))
    for odd in (5, ["rsa"], {"a": 1}):
        assert await refused(forged({"alg": "RS256", "kid": odd}, secret=b"x"))


async def test_that_a_token_does_not_bring_its_own_key() -> None:
    mine = RSAKey.generate_key(2048, {"kid": "rsa"})
    public = mine.as_dict(private=False)
    for header in ({"jwk": public}, {"jku": "https://evil.example/jwks"}, {"x5u": "https://evil.example/cert"}):
        text = f"{encoded({'alg': 'RS256', 'kid': 'rsa', **header})}.{encoded(claims())}"
        signed = jwt.encode({"alg": "RS256", "kid": "rsa"}, claims(), mine)
        assert await refused(f"{text}.{signed.rpartition('.')[2]}")
    assert await refused(jwt.encode({"alg": "RS256", "kid": "rsa"}, claims(), mine)) == "the token's signature is wrong"


async def test_that_a_changed_token_is_refused() -> None:
    head, body, signature = token().split(".")
    other = encoded(claims(roles=["admin"]))
    for changed in (
        f"{head}.{other}.{signature}",
        f"{head}.{body}.",
        f"{head}.{body}",
        f"{head}.{body}.{signature}.{signature}",
        f"{head}..{signature}",
        f"{head}.{body}.{signature[:-6]}AAAAAA",
        f"{encoded({'alg': 'RS256', 'kid': 'rsa', 'crit': ['b64'], 'b64': False})}.{body}.{signature}",
        "",
        ".",
        "..",
        "é.é.é",
        "\ud800.a.b",
        "a" * 200_000,
        f"{'a' * 100_000}.{body}.{signature}",
    ):
        assert await refused(changed)
    for payload in (b"[]", b"null", b"[" * 10_000):
        signed = jws.serialize_compact({"alg": "RS256", "kid": "rsa"}, payload, RSA)
        assert await refused(signed)


async def test_that_claims_become_a_tenant_and_roles_by_expressions() -> None:
    by_groups = verifier(
        tenant="claims.groups.exists(g, g == 'ops') ? null : claims.org.name",
        roles="claims.groups.filter(g, g.startsWith('mao-')).map(g, g.substring(4))",
    )
    given = claims(groups=["mao-viewer", "mao-unknown", "staff"], org={"name": "acme"}, tenant=None, roles=None)
    principal, _ = await by_groups.verify(token(given))
    assert (principal.tenant, principal.roles) == ("acme", ("viewer",))
    principal, _ = await by_groups.verify(token({**given, "groups": ["ops", "mao-admin"]}))
    assert (principal.tenant, principal.roles) == (None, ("admin",))
    principal, _ = await verifier().verify(token(claims(roles="submitter")))
    assert principal.roles == ("submitter",)
    principal, _ = await verifier().verify(token(claims(roles=[])))
    assert not principal.may("tasks:read")


@pytest.mark.parametrize("wrong", ["claims.", "nothing(claims)"])
def test_that_a_wrong_expression_is_refused_at_the_start(wrong: str) -> None:
    with pytest.raises(ConfigurationError, match=r"gateway\.security\.oidc\.roles"):
        verifier(roles=wrong)
    with pytest.raises(ConfigurationError, match=r"gateway\.security\.oidc\.tenant"):
        verifier(tenant=wrong)
