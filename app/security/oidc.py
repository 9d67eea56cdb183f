"""Tokens of an OpenID Connect issuer: verified, and what their claims say of who brings them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from joserfc import jws, jwt
from joserfc.errors import BadSignatureError, ClaimError, ExpiredTokenError, JoseError
from joserfc.jwk import Key
from joserfc.jws import JWSRegistry

from app.errors import ExpressionError
from app.expressions.expression import Expression
from app.security.permissions import Roles
from app.security.principal import Principal
from app.settings import OidcSettings

_WHERE = "gateway.security.oidc"
#: Characters of a subject and of a tenant.
_LONGEST_SUBJECT, _LONGEST_TENANT = 200, 100


class InvalidToken(Exception):
    """A token is not accepted; the message says why, without anything of the token."""


class KeysUnavailable(Exception):
    """The keys of the issuer are not known, as it cannot be reached."""


class IssuerKeys(Protocol):
    """The public keys of an issuer."""

    async def find(self, kid: str | None) -> Key | None:
        """Return the key of this id, or without an id the only one.

        Raises:
            KeysUnavailable: that cannot be told.
        """
        ...


class TokenVerifier:
    """Tells who brings a token. Nothing in its header says where a key is, or which algorithm is trusted."""

    def __init__(self, settings: OidcSettings, roles: Roles, keys: IssuerKeys, clock: Callable[[], float]) -> None:
        """Compile the expressions of the settings.

        Raises:
            ConfigurationError: one of them is wrong.
        """
        self._settings = settings
        self._roles = roles
        self._keys = keys
        self._clock = clock
        self._registry = JWSRegistry(algorithms=list(settings.algorithms), strict_check_header=False)
        self._tenant = Expression(settings.tenant, where=f"{_WHERE}.tenant")
        self._role_names = Expression(settings.roles, where=f"{_WHERE}.roles")

    async def verify(self, token: str) -> tuple[Principal, float]:
        """Return who brings a token, and until when it is valid (epoch seconds).

        Raises:
            InvalidToken: it is not accepted.
            KeysUnavailable: the issuer's keys are not known.
        """
        try:
            header = jws.extract_compact(token.encode(), registry=self._registry).headers()
            key = await self._key(header)
            claims = jwt.decode(token, key, [header["alg"]], self._registry).claims
            self._check(claims)
        except (JoseError, ValueError, TypeError, RecursionError) as error:
            raise InvalidToken(_reason(error)) from None
        return self._principal(claims), float(claims["exp"]) + self._settings.clock_skew

    async def _key(self, header: Mapping[str, Any]) -> Key:
        """Return the key that a token claims to be signed with."""
        algorithms, kid = self._settings.algorithms, header.get("kid")
        if header.get("alg") not in algorithms:
            raise InvalidToken(f"the token must be signed with {' or '.join(algorithms)}")
        if "crit" in header:
            raise InvalidToken("the token has a critical extension, and none is known")
        if not (kid is None or isinstance(kid, str)):
            raise InvalidToken("the token's kid is not a text")
        if (key := await self._keys.find(kid)) is None:
            raise InvalidToken("the token is signed with a key that the issuer does not have")
        return key

    def _check(self, claims: Mapping[str, Any]) -> None:
        registry = jwt.JWTClaimsRegistry(
            now=int(self._clock()),
            leeway=int(self._settings.clock_skew),
            iss={"essential": True, "value": self._settings.issuer},
            aud={"essential": True, "value": self._settings.audience},
            exp={"essential": True},
            sub={"essential": True},
        )
        registry.validate(dict(claims))

    def _principal(self, claims: Mapping[str, Any]) -> Principal:
        subject = claims["sub"]
        if not (subject.isprintable() and 0 < len(subject) <= _LONGEST_SUBJECT):
            raise InvalidToken(f"the token's sub must have 1 to {_LONGEST_SUBJECT} printable characters")
        try:
            context = {"claims": claims}
            tenant, names = self._tenant.evaluate(context), self._role_names.evaluate(context)
        except ExpressionError as error:
            where = str(error).partition(":")[0]  # what stands behind it may quote a claim
            raise InvalidToken(f"{where} cannot be evaluated on the token's claims") from None
        if not (tenant is None or (isinstance(tenant, str) and _is_tenant(tenant))):
            raise InvalidToken("the token's claims do not give a tenant: it must be a text, or null for all tenants")
        roles = [names] if isinstance(names, str) else names
        if not (isinstance(roles, list) and all(isinstance(role, str) for role in roles)):
            raise InvalidToken("the token's claims do not give roles: they must be a list of texts")
        known = tuple(str(role) for role in roles if role in self._roles)
        return Principal(
            id=f"token:{subject}",
            kind="token",
            tenant=tenant,
            roles=known,
            actions=self._roles.actions(known),
            requests_per_minute=self._settings.requests_per_minute,
        )


def _is_tenant(text: str) -> bool:
    return len(text) <= _LONGEST_TENANT and not any(ord(character) < ord(" ") for character in text)


def _reason(error: Exception) -> str:
    match error:
        case ExpiredTokenError():
            return "the token has expired"
        case ClaimError():
            return f"the token's {error.claim} is missing, or not what it must be"
        case BadSignatureError():
            return "the token's signature is wrong"
        case _:
            return "this is no token that can be read"
