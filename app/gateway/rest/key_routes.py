"""`/v1/keys`: create, list, rotate and revoke API keys."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from app.client import api_keys
from app.gateway.access.admission import Caller, forbidden
from app.gateway.openapi import WITH_BODY, refusals
from app.gateway.parts import Parts
from app.gateway.problems import Refusal
from app.security.api_keys import OVERLAP, KnownKey, restricted
from app.security.granting import excess
from app.security.key_card import KeyCard, ShownKey
from app.security.permissions import Roles
from app.security.principal import Principal
from app.suggestions import did_you_mean
from topics.api_keys import ApiKey, ApiKeyEvent

MOST_KEYS = 100
#: Seconds: how long a replaced key is accepted at most.
LONGEST_OVERLAP = 30 * 86400.0

Names = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=200)], ...], Field(max_length=100)]


class KeyRequest(BaseModel):
    """What a new key allows; see the event `api-keys` for what the fields mean."""

    model_config = ConfigDict(extra="forbid")

    owner: str = Field(min_length=1, max_length=200)
    tenant: str | None = Field(default=None, max_length=100, pattern=r"^[^\x00-\x1f]*$")
    roles: Names = Field(min_length=1)
    workflows: Names | None = None
    models: Names | None = None
    requests_per_minute: int | None = Field(default=None, ge=1, le=1_000_000)
    spend_limit: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    spend_period: float = Field(default=ApiKey.model_fields["spend_period"].default, ge=1, allow_inf_nan=False)
    expires_at: AwareDatetime | None = None


class RotationRequest(BaseModel):
    """How many seconds the old key is accepted beside the new one."""

    model_config = ConfigDict(extra="forbid")

    overlap: float = Field(default=OVERLAP, ge=0, le=LONGEST_OVERLAP, allow_inf_nan=False)


class RevocationRequest(BaseModel):
    """A revocation needs no words."""

    model_config = ConfigDict(extra="forbid")


class KeyPage(BaseModel):
    """Keys by their ids, and the cursor of the next page, if there are more."""

    data: list[KeyCard]
    next: str | None = None


def routes(parts: Parts) -> APIRouter:
    """Return the routes."""
    router = APIRouter()
    roles = Roles(parts.settings.gateway.security.roles)

    @router.post("/v1/keys", status_code=HTTPStatus.CREATED, responses=refusals(*WITH_BODY))
    async def create(asked: KeyRequest, caller: Caller) -> ShownKey:
        """Create a key; it is shown in this answer, and never again."""
        granted = _granted(asked, caller, roles)
        event, key = await api_keys.create(parts.client, granted, caller.id)
        return _shown(parts, event.id, key, event)

    @router.get("/v1/keys", responses=refusals())
    async def keys(caller: Caller, limit: Annotated[int, Query(ge=1, le=MOST_KEYS)] = 20, cursor: str = "") -> KeyPage:
        """List the keys, revoked and expired ones too."""
        seen = [one for one in parts.keys.ring.all() if one.id > cursor and _is_visible(one, caller)]
        page = seen[:limit]
        return KeyPage(data=[KeyCard.of(one) for one in page], next=page[-1].id if len(seen) > limit else None)

    @router.get("/v1/keys/{key_id}", responses=refusals(404))
    async def one_key(key_id: str, caller: Caller) -> KeyCard:
        """Return one of them."""
        return KeyCard.of(_visible(parts, key_id, caller))

    @router.post("/v1/keys/{key_id}/rotate", responses=refusals(404, 409, *WITH_BODY))
    async def rotate(key_id: str, asked: RotationRequest, caller: Caller) -> ShownKey:
        """Replace the secret of a key; the old one is accepted for a while beside it."""
        known = _visible(parts, key_id, caller)
        if not known.is_active(datetime.now(UTC)):
            text = "the key is revoked or has expired, so it cannot be rotated; create another"
            raise Refusal(HTTPStatus.CONFLICT, "key_ended", text)
        _require_within(caller, known.api_key, roles)
        event, key = await api_keys.rotate(parts.client, known, overlap=asked.overlap, actor=caller.id)
        return _shown(parts, key_id, key, event)

    @router.post("/v1/keys/{key_id}/revoke", responses=refusals(404, *WITH_BODY))
    async def revoke(key_id: str, asked: RevocationRequest, caller: Caller) -> KeyCard:  # noqa: ARG001  # an empty body
        """Have a key refused for ever, by all gateways within a second."""
        known = _visible(parts, key_id, caller)
        if known.revoked_at is None:
            parts.keys.add(await api_keys.revoke(parts.client, known, caller.id))
        return KeyCard.of(_visible(parts, key_id, caller))

    return router


def _granted(asked: KeyRequest, caller: Principal, roles: Roles) -> ApiKey:
    """Return what a new key allows.

    Raises:
        Refusal: it is wrong, or more than the caller may do.
    """
    now = datetime.now(UTC)
    if unknown := [role for role in asked.roles if role not in roles]:
        raise _invalid(f"body.roles: no role is called {unknown[0]}; {did_you_mean(unknown[0], roles.names)}")
    if asked.expires_at and asked.expires_at <= now:
        raise _invalid("body.expires_at: must be in the future")
    workflows, models = restricted(asked.workflows, asked.models)
    tenant = caller.tenant if asked.tenant is None else asked.tenant
    fields = dict(asked) | {"tenant": tenant, "workflows": workflows, "models": models}
    granted = ApiKey(created_at=now, created_by=caller.id, secrets=(), **fields)
    _require_within(caller, granted, roles)
    return granted


def _require_within(caller: Principal, granted: ApiKey, roles: Roles) -> None:
    if more := excess(caller, granted, roles):
        raise forbidden(f"your credentials cannot give away {more}")


def _is_visible(known: KnownKey, caller: Principal) -> bool:
    return caller.tenant is None or known.api_key.tenant == caller.tenant


def _visible(parts: Parts, key_id: str, caller: Principal) -> KnownKey:
    known = parts.keys.ring.get(key_id)
    if known is None or not _is_visible(known, caller):
        raise Refusal(HTTPStatus.NOT_FOUND, "unknown_key", "there is no such key; GET /v1/keys lists them")
    return known


def _shown(parts: Parts, key_id: str, key: str, event: ApiKeyEvent) -> ShownKey:
    parts.keys.add(event)
    known = parts.keys.ring.get(key_id)
    assert known  # noqa: S101  # it was just added
    return ShownKey(key=key, **dict(KeyCard.of(known)))


def _invalid(text: str) -> Refusal:
    return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", text)
