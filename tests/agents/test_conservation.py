"""Money is neither lost nor made: the records are what the provider has charged, whatever became of its answers."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from agents.call_model import handle
from app.dependencies import ConfiguredModel, Dependencies
from app.models.anthropic.adapter import Anthropic
from app.models.batching.batcher import Batcher
from app.models.calling.hedging import HedgePolicy
from app.models.openai.adapter import OpenAI
from app.prices.price import Price
from app.settings import HedgeSettings, ModelSettings
from testkit.bounded_limiter import BoundedLimiter
from tests.agents.deps import assemble, received
from tests.agents.metered_provider import PRICE, MeteredProvider
from tests.delivery.fakes import Harness, until
from topics import RESULT_CHUNKS, SPEND
from topics.model_requests import Message, ModelRequest
from topics.model_responses import ModelResponse
from topics.spend import Spend

#: Requests of each kind; most of them make more than one attempt.
_MANY, _SOME = 240, 60
_AT_ONCE = 40
#: Half of the smallest part of a cent that a price has.
_EXACT = Decimal("1e-9")
_DIALECTS = ("chat", "responses", "messages")


def _models(url: str) -> dict[str, ConfiguredModel]:
    plain = {"model": "m", "api_key": "sk-planted", "timeout": 30, "attempts": 3, "price": PRICE}
    chat = {**plain, "provider": "openai", "base_url": f"{url}/v1", "options": {"features": ["batch"]}}
    made = {
        "chat": _model(chat),
        "responses": _model({**chat, "options": {"dialect": "responses"}}),
        "messages": _model({**plain, "provider": "anthropic", "base_url": url}),
        "once": _model({**chat, "attempts": 1}),
        "hedged": _model({**chat, "attempts": 1, "timeout": 5}),
        "batched": _model({**chat, "batch": {"window": "50ms", "poll": "10ms"}}),
    }
    policy = HedgePolicy(HedgeSettings(after=0.1, at_most=1.0))
    batched = made["batched"]
    return made | {
        "hedged": replace(made["hedged"], hedges=policy),
        "batched": replace(batched, batcher=Batcher(batched.limiter, batched.settings)),
    }


def _model(fields: Mapping[str, Any]) -> ConfiguredModel:
    settings = ModelSettings.model_validate(fields)
    kind = Anthropic if settings.provider == "anthropic" else OpenAI
    assert settings.price
    return ConfiguredModel(BoundedLimiter(kind.from_settings("m", settings), 200), settings, Price.of(settings.price))


class _Client:
    """Asks, and keeps what the answers say that they have cost: by the task's id, the first word of the question."""

    def __init__(self, provider: MeteredProvider) -> None:
        self._provider = provider
        self._harness = Harness()
        models = _models(provider.url)
        self._deps: Dependencies = replace(assemble(self._harness), models=models)
        self._events: list[Spend] = []
        self.cost: defaultdict[str, Decimal] = defaultdict(Decimal)

    async def ask(self, name: str, model: str, **fields: Any) -> ModelResponse:
        words = random.Random(name).randint(1, 90) * "word "  # noqa: S311  # repeatable on purpose
        request = ModelRequest(
            id=f"{name}/say/{model}/1",
            task_id=name,
            step="say",
            branch=model,
            model=model,
            messages=(Message(role="user", content=f"{name} {words}"),),
            **fields,
        )
        events = [outgoing.event for outgoing in await handle(received(request), self._deps)]
        self._events += [event for event in events if isinstance(event, Spend)]
        (response,) = (event for event in events if isinstance(event, ModelResponse))
        self.cost[name] += Decimal(str(response.usage.cost))
        return response

    async def continued(self, name: str) -> None:
        """Have another model go on where the first one was cut off."""
        first = await self.ask(name, "once", stream=True)
        if first.error:
            await self.ask(name, "messages", stream=True, prefix=first.text)

    async def cached(self, name: str) -> None:
        first = await self.ask(name, "chat", cache_for=600.0)
        second = await self.ask(name, "chat", cache_for=600.0)
        assert second.cached == (first.error is None)

    async def hedged(self, name: str, *, stream: bool) -> None:
        self._provider.hanging[name] = 1
        await self.ask(name, "hedged", stream=stream)

    async def cancelled(self, name: str, *, stream: bool) -> None:
        """Leave a call when the provider is at work."""
        self._provider.hanging[name] = 1
        asked = asyncio.create_task(self.ask(name, "once", stream=stream))
        await until(lambda: bool(self._provider.charged[name]))
        if stream:
            await until(lambda: any(one.key == name.encode() for one in self._harness.producer.on(RESULT_CHUNKS)))
        asked.cancel()
        await asyncio.wait([asked])

    async def batched(self, name: str) -> None:
        """Collect the answer twice, as after a crash."""
        response = await self.ask(name, "batched", batch=True)
        assert response.ticket
        await self.ask(name, "batched", batch=True, ticket=response.ticket)
        before = self.cost[name]
        await self.ask(name, "batched", batch=True, ticket=response.ticket)
        self.cost[name] = before

    @property
    def spent(self) -> dict[str, Spend]:
        """The records of spending, each id once."""
        records = [Spend.model_validate_json(one.value or b"") for one in self._harness.producer.on(SPEND)]
        return {spend.id: spend for spend in (*records, *self._events)}

    async def close(self) -> None:
        for model in self._deps.models.values():
            await model.model.close()


def _asked(client: _Client) -> list[Any]:
    """Return what is asked, in no order."""
    works: list[Any] = [client.ask(f"{name}{n}", name) for name in _DIALECTS for n in range(_MANY)]
    works += [client.ask(f"{name}-s{n}", name, stream=True) for name in _DIALECTS for n in range(_MANY)]
    works += [client.batched(f"batched{n}") for n in range(_MANY)]
    works += [client.continued(f"continued{n}") for n in range(_MANY)]
    works += [client.cached(f"cached{n}") for n in range(_SOME)]
    works += [client.hedged(f"hedged{n}", stream=n % 2 == 0) for n in range(_SOME)]
    works += [client.cancelled(f"left{n}", stream=False) for n in range(_SOME)]
    works += [client.cancelled(f"begun{n}", stream=True) for n in range(_SOME)]
    random.Random(7).shuffle(works)  # noqa: S311  # repeatable on purpose
    return works


async def test_that_the_records_are_the_providers_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.models.calling.call._BACKOFF_BASE", 0.0)
    places = asyncio.Semaphore(_AT_ONCE)

    async def in_turn(work: Any) -> None:
        async with places:
            await work

    async with MeteredProvider(random.Random(20261201)) as provider:  # noqa: S311  # repeatable on purpose
        client = _Client(provider)
        await asyncio.gather(*map(in_turn, _asked(client)))
        await client.close()
    spent: defaultdict[str, Decimal] = defaultdict(Decimal)
    for spend in client.spent.values():
        spent[spend.task_id] += Decimal(str(spend.usage.cost))
    assert sum(provider.fates.values()) > 2500
    names = provider.charged.keys() | spent.keys()
    wrong = {
        name: (provider.charged[name], spent[name]) for name in names if _differ(provider.charged[name], spent[name])
    }
    assert wrong == {}
    assert not _differ(provider.total, sum(spent.values(), start=Decimal(0)))
    # What a run is told is the same money, unless it was told nothing.
    told = {name for name in names if not name.startswith(("left", "begun"))}
    assert {name for name in told if _differ(client.cost[name], spent[name])} == set()


def _differ(one: Decimal, other: Decimal) -> bool:
    return abs(one - other) > _EXACT
