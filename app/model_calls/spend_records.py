"""What the attempts of a call have used, and what that costs.

An attempt that was answered has the provider's own count. One that broke off, or was given up, has none, but is paid
for all the same: it is estimated. One that failed before anything came has cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from app.delivery.envelope import Outgoing
from app.dependencies import ConfiguredModel
from app.models.base import Completion, Prompt
from app.models.calling.continuation import can_continue
from app.models.outcome import Attempt
from app.prices import token_estimates
from app.prices.price import Price
from topics import SPEND
from topics.model_requests import ModelRequest, Ticket
from topics.model_responses import Usage
from topics.spend import Spend

#: What runs on this machine costs nothing, unless a price is set.
_FREE = frozenset({"local", "scripted"})
_NOTHING = Usage()


def is_free(configured: ConfiguredModel) -> bool:
    """Whether what a model uses costs nothing."""
    return configured.price is None and configured.model.provider in _FREE


def spends(
    request: ModelRequest, configured: ConfiguredModel, attempts: Sequence[Attempt], nonce: str, now: float
) -> list[Spend]:
    """Return a record for each attempt that used tokens; `nonce` tells them from those of another worker."""
    price = configured.price
    if is_free(configured):
        return []
    return [
        record(
            request,
            configured,
            f"{nonce}.{used.attempt.number}",
            now,
            outcome=used.outcome,
            usage=priced(used.usage, price),
            estimated=used.estimated,
            priced=price.as_of if price else "",
            seconds=round(used.attempt.seconds, 6),
        )
        for used in _used(request, attempts)
    ]


def batched(
    request: ModelRequest, configured: ConfiguredModel, ticket: Ticket, completion: Completion, now: float
) -> list[Spend]:
    """Return the record of an answer out of a batch; whoever collects it again has the same money on record."""
    used = usage_in_batch(request, configured, completion)
    if is_free(configured) or used == _NOTHING:
        return []
    fields = {
        "id": f"{ticket.item}#{ticket.batch}",
        "usage": used,
        "estimated": not _counted(completion.usage),
        "priced": configured.price.as_of if configured.price else "",
        "seconds": round(now - ticket.at.timestamp(), 6),
    }
    return [record(request, configured, "batch", now, **fields)]


def usage_in_batch(request: ModelRequest, configured: ConfiguredModel, completion: Completion) -> Usage:
    """Return what an answer out of a batch has used, at the price of batches."""
    usage = completion.usage if _counted(completion.usage) else _estimate(request, "", completion)
    return priced(usage, configured.price, batched=True)


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
    """Return what all attempts of a call have used, those too that were cut off or lost."""
    used = [priced(one.usage, configured.price) for one in _used(request, attempts)]
    return used[0] if len(used) == 1 else sum(used, start=_NOTHING)


def outgoing(spent: Sequence[Spend], partition: int) -> list[Outgoing]:
    """Return the events that tell of it."""
    return [Outgoing(SPEND, one.task_id, one, one.id, partition) for one in spent]


def priced(usage: Usage, price: Price | None, *, batched: bool = False) -> Usage:
    """Return the usage with what it costs in US dollars."""
    return usage if price is None else usage.model_copy(update={"cost": price.cost(usage, batched=batched)})


@dataclass(frozen=True, slots=True)
class _Used:
    attempt: Attempt
    outcome: Literal["answered", "cut", "lost"]
    usage: Usage
    estimated: bool


def _used(request: ModelRequest, attempts: Sequence[Attempt]) -> Iterator[_Used]:
    """Yield what each attempt used that used anything."""
    more = bool(request.prefix) or len(attempts) > 1
    goes_on = more and can_continue(Prompt((), tools=request.tools, schema=request.output_schema))
    said = request.prefix if goes_on else ""
    for attempt in attempts:
        if how := _how(attempt):
            completion = attempt.completion or Completion(attempt.text)
            counted = _counted(completion.usage)
            usage = completion.usage if counted else _estimate(request, said, completion)
            if usage != _NOTHING:
                yield _Used(attempt, how, usage, estimated=not counted)
        if goes_on and attempt.error and not attempt.lost:  # the next attempt is told what stands, and goes on with it
            said += attempt.text


def _how(attempt: Attempt) -> Literal["answered", "cut", "lost"] | None:
    """Return what became of an attempt; None of one that failed before anything came.

    A time-out is no such failure: the provider was at work, and nobody waited for it any more.
    """
    came = bool(attempt.text) or attempt.first_token is not None  # its first piece may be a thought
    if attempt.error and not came and attempt.error.code != "timeout":
        return None
    if attempt.lost:
        return "lost"
    return "answered" if attempt.completion else "cut"


def _counted(usage: Usage) -> bool:
    return usage.input_tokens > 0 or usage.output_tokens > 0


def _estimate(request: ModelRequest, said: str, completion: Completion) -> Usage:
    written = completion.text + completion.reasoning + token_estimates.tool_call_text(completion.tool_calls)
    read = token_estimates.estimate_request_tokens(request) + token_estimates.estimate_tokens(said)
    return Usage(input_tokens=read, output_tokens=token_estimates.estimate_tokens(written))
