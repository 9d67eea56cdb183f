"""What the attempts of a call have cost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from agents.parts import ConfiguredModel
from app.delivery.envelope import Outgoing
from app.models.outcome import Attempt, Outcome
from app.settings import PriceSettings
from topics import SPEND
from topics.model_requests import ModelRequest
from topics.model_responses import Usage
from topics.spend import Spend

#: What runs on this machine costs nothing, unless a price is set.
_FREE = frozenset({"local", "scripted"})


def spends(request: ModelRequest, configured: ConfiguredModel, outcome: Outcome, nonce: str, now: float) -> list[Spend]:
    """Return a record for each attempt that used tokens; `nonce` tells them from those of another worker."""
    if configured.settings.price is None and configured.model.provider in _FREE:
        return []
    return [
        Spend(
            id=f"{request.id}#{nonce}.{attempt.number}",
            request_id=request.id,
            task_id=request.task_id,
            tenant=request.tenant,
            workflow=request.workflow,
            step=request.step,
            model=request.model,
            provider=configured.model.provider,
            provider_model=configured.settings.model or "",
            usage=priced(usage, configured.settings.price),
            seconds=round(attempt.seconds, 6),
            at=datetime.fromtimestamp(now, UTC),
        )
        for attempt in outcome.attempts
        if (usage := _usage(attempt)) != Usage()
    ]


def total(outcome: Outcome, price: PriceSettings | None) -> Usage:
    """Return what all attempts of a call have used."""
    return sum((priced(_usage(attempt), price) for attempt in outcome.attempts), start=Usage())


def outgoing(spent: Sequence[Spend], partition: int) -> list[Outgoing]:
    """Return the events that tell of it."""
    return [Outgoing(SPEND, one.task_id, one, one.id, partition) for one in spent]


def priced(usage: Usage, price: PriceSettings | None) -> Usage:
    """Return the usage with what it costs in US dollars; prices are for a million tokens."""
    if price is None:
        return usage
    cost = (usage.input_tokens * price.input + usage.output_tokens * price.output) / 1_000_000
    return usage.model_copy(update={"cost": round(cost, 12)})


def _usage(attempt: Attempt) -> Usage:
    return attempt.completion.usage if attempt.completion else Usage()
