"""Denials on `audit`: who was refused what, and from where."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

from aiokafka.errors import KafkaError
from starlette.types import Scope

from app.client.client import Client
from app.gateway.problems import Refusal
from app.security.principal import ANONYMOUS, Principal
from app.security.rate_limits import RateLimits
from topics import AUDIT
from topics.audit import AuditEvent

log = logging.getLogger(__name__)

#: Denials that are noted, of each action; of the others, the next one that is noted has the number.
PER_MINUTE = 60
#: Characters of a path, which anybody may choose.
_LONGEST_PATH = 200
#: Characters of an address.
_LONGEST_ADDRESS = 100
#: The actions on the audit, by the code of the refusal.
_ACTIONS = {"unauthenticated": "access.unauthenticated", "forbidden": "access.forbidden"}


class AuditTrail:
    """Notes denials without having anybody wait for it."""

    def __init__(self, client: Client, clock: Callable[[], float]) -> None:
        self._client = client
        self._limits = RateLimits(clock)
        self._left_out: dict[str, int] = {}
        self._sending: set[asyncio.Task[None]] = set()

    def note(self, refusal: Refusal, scope: Scope) -> None:
        """Note the refusal of a request, if it is a denial, and unless there are too many of them."""
        if (action := _ACTIONS.get(refusal.code)) is None:
            return
        if not self._limits.take(action, PER_MINUTE).allowed:
            self._left_out[action] = self._left_out.get(action, 0) + 1
            return
        actor, request = principal_of(scope).id, f"{scope['method']} {scope['path'][:_LONGEST_PATH]}"
        details = {"address": address_of(scope), "request": request, "reason": refusal.detail}
        event = AuditEvent(
            id=uuid4().hex,
            at=datetime.now(UTC),
            actor=actor,
            action=action,
            subject=actor,
            details={**details, "left_out": self._left_out.pop(action, 0)},
        )
        task = asyncio.create_task(self._send(event))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def finish(self) -> None:
        """Return when all is sent."""
        await asyncio.gather(*self._sending)

    async def _send(self, event: AuditEvent) -> None:
        try:
            await (await self._client.send(AUDIT, event.subject, event, id=event.id))
        except KafkaError as error:
            log.warning("a denial of %s is not on the audit: %s", event.actor, type(error).__name__)


def principal_of(scope: Scope) -> Principal:
    """Return who makes a request, as far as that is known."""
    principal: Principal = scope["state"].get("principal", ANONYMOUS)
    return principal


def address_of(scope: Scope) -> str:
    """Return the address that a request comes from; a trusted proxy may have said what is none."""
    address: str = (scope.get("client") or ("unknown",))[0]
    return address[:_LONGEST_ADDRESS]
