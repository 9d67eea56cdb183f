"""Records of what the attempts of a call have used, and what that cost.

An attempt that was answered is on record, and so is one whose answer does not count: refused, withheld, malformed, cut
off, or abandoned. One that failed before an answer began has cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from app.delivery.envelope import Outgoing
from app.dependencies import ConfiguredModel
from app.errors import ModelError
from app.model_calls.charges import Charge, charge, is_free
from app.models.base import Completion
from app.models.outcome import Attempt
from topics import SPEND
from topics.model_requests import ModelRequest, Ticket
from topics.model_responses import Usage
from topics.spend import Spend


def spends(
    request: ModelRequest, configured: ConfiguredModel, attempts: Sequence[Attempt], nonce: str, now: float
) -> list[Spend]:
    """Return a record for each attempt that used tokens; `nonce` tells them from those of another worker."""
    if is_free(configured):
        return []
    return [
        record(
            request,
            configured,
            f"{nonce}.{used.attempt.number}",
            now,
            outcome=used.outcome,
            error=used.attempt.error.code if used.attempt.error else "",
            seconds=round(used.attempt.seconds, 6),
            **_costs(configured, used.charge),
        )
        for used in _used(request, configured, attempts)
    ]


def batched(
    request: ModelRequest, configured: ConfiguredModel, ticket: Ticket, found: Completion | ModelError, now: float
) -> tuple[Usage, list[Spend]]:
    """Return what was used for the result of a request in a batch, and its record.

    Whoever collects the result again has the same money on record.
    """
    error = found if isinstance(found, ModelError) else None
    answer: Completion | None = found.answer if isinstance(found, ModelError) else found
    if answer is None:
        return Usage(), []
    charged = charge(request, configured, answer, batched=True)
    if is_free(configured) or charged.usage == Usage():
        return charged.usage, []
    fields = {
        "id": f"{ticket.item}#{ticket.batch}",
        "outcome": "cut" if error else "answered",
        "error": error.code if error else "",
        "seconds": round(now - ticket.at.timestamp(), 6),
        **_costs(configured, charged),
    }
    return charged.usage, [record(request, configured, "batch", now, **fields)]


def record(request: ModelRequest, configured: ConfiguredModel, name: str, now: float, **fields: Any) -> Spend:
    """Return a record of what was done for a request, `name` telling it from others; `now` is in epoch seconds."""
    about = {
        "id": f"{request.id}#{name}",
        "request_id": request.id,
        "task_id": request.task_id,
        "tenant": request.tenant,
        "workflow": request.workflow,
        "step": request.step,
        "model": request.model,
        "provider": configured.model.provider,
        "provider_model": configured.settings.model or "",
        "at": datetime.fromtimestamp(now, UTC),
    }
    return Spend(**about | fields)


def total(request: ModelRequest, configured: ConfiguredModel, attempts: Sequence[Attempt]) -> Usage:
    """Return what all attempts of a call have used, those too whose answers do not count."""
    used = [one.charge.usage for one in _used(request, configured, attempts)]
    return used[0] if len(used) == 1 else sum(used, start=Usage())


def outgoing(spent: Sequence[Spend], partition: int) -> list[Outgoing]:
    """Return the events that tell of it."""
    return [Outgoing(SPEND, one.task_id, one, one.id, partition) for one in spent]


def _costs(configured: ConfiguredModel, charged: Charge) -> dict[str, Any]:
    priced = configured.price.as_of if configured.price else ""
    return {"usage": charged.usage, "estimated": charged.estimated, "priced": priced}


@dataclass(frozen=True, slots=True)
class _Used:
    attempt: Attempt
    outcome: Literal["answered", "cut", "lost"]
    charge: Charge


def _used(request: ModelRequest, configured: ConfiguredModel, attempts: Sequence[Attempt]) -> Iterator[_Used]:
    """Yield what each attempt used that used anything."""
    for attempt in attempts:
        if how := _how(attempt):
            answer = attempt.paid or Completion(attempt.text)
            charged = charge(request, configured, answer, said=attempt.said)
            if charged.usage != Usage():
                yield _Used(attempt, how, charged)


def _how(attempt: Attempt) -> Literal["answered", "cut", "lost"] | None:
    """Return what became of an attempt; None of one that failed before an answer began.

    A time-out is no such failure: the provider was at work, and nobody waited for it any more.
    """
    began = attempt.partial is not None or bool(attempt.text) or attempt.first_token is not None
    at_work = attempt.error is None or (attempt.error.code == "timeout" and attempt.error.sent)
    if not began and not at_work:
        return None
    if attempt.lost:
        return "lost"
    return "answered" if attempt.completion else "cut"
