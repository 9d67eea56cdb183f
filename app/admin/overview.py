"""What goes on at this moment: topics with rate and lag, workers, models with their breakers, errors and money."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import AwareDatetime

from app.admin.consumer_group import ConsumerGroup, inspect
from app.admin.figures import FigureRow, Figures
from app.admin.readiness import fetch_metrics
from app.client.client import Client
from app.runs.views import View
from topics import DEAD_LETTERS, MODEL_HEALTH, RESULTS
from topics.model_health import ModelHealth

#: In seconds: what a worker has not told of a model for so long is not of this moment.
_FRESH = 3600.0
_IN_FLIGHT = re.compile(r'^meta_ai_events_in_flight\{agent="([^"]*)"\} ([0-9.e+]+)$', re.MULTILINE)
_ACTIVE = re.compile(r"^meta_ai_runs_active(?:\{[^}]*\})? ([0-9.e+]+)$", re.MULTILINE)


class TopicRow(View):
    """A topic that the workers read: `rate` is of events that come, per second; `waiting` are not finished."""

    topic: str
    events: int
    rate: float | None = None
    waiting: int


class ModelRow(View):
    """A model as the workers see it: the longest time of its breaker, the means of the others."""

    model: str
    calls: int
    seconds: float
    errors: float
    open_until: AwareDatetime | None = None


class Overview(View):
    """One moment. `figures` and `cost` (US dollars) are of the last `window` seconds.

    `agents` are the events in flight of each agent, and `runs` the active ones, of the worker here; None if there is
    none, or it gives no metrics.
    """

    at: AwareDatetime
    window: float
    group: str
    state: str
    workers: int
    topics: tuple[TopicRow, ...]
    agents: Mapping[str, int] | None = None
    runs: int | None = None
    models: tuple[ModelRow, ...] = ()
    workflows: tuple[FigureRow, ...] = ()
    errors: Mapping[str, int] = {}
    dead_letters: int = 0
    results: int = 0
    cost: float = 0.0


async def take(client: Client, http: str, window: float, before: Overview | None = None) -> Overview:
    """Return what there is to see now; rates are those since `before`.

    Raises:
        BrokerError: there are no topics, or the broker fails.
    """
    now = time.time()
    group = await inspect(client)
    metrics = await asyncio.to_thread(fetch_metrics, http)
    figures = Figures("workflow")
    await figures.read(client, now - window, now)
    workflows = tuple(figures.rows(window))
    errors = sum((Counter(row.errors) for row in workflows), Counter[str]())
    ends = await client.bounds([DEAD_LETTERS, RESULTS])
    held = Counter[str]()
    for place, span in ends.items():
        held[place.topic] += span.end - span.begin
    return Overview(
        at=datetime.fromtimestamp(now, UTC),
        window=window,
        group=group.id,
        state=group.state,
        workers=len(group.workers),
        topics=tuple(_rows(group, now, before)),
        agents=None if metrics is None else _agents(metrics),
        runs=None if metrics is None else _sum(_ACTIVE, metrics),
        models=_models(await _health(client), now),
        workflows=workflows,
        errors=dict(errors.most_common()),
        dead_letters=held[client.full_name(DEAD_LETTERS)],
        results=held[client.full_name(RESULTS)],
        cost=sum(row.cost for row in workflows),
    )


def _rows(group: ConsumerGroup, now: float, before: Overview | None) -> Iterator[TopicRow]:
    known = {row.topic: row.events for row in before.topics} if before else {}
    passed = now - before.at.timestamp() if before else 0.0
    for one in group.topics:
        came = one.events - known[one.topic] if one.topic in known else None
        rate = None if came is None or passed <= 0 else max(0, came) / passed
        yield TopicRow(topic=one.topic, events=one.events, rate=rate, waiting=one.waiting)


async def _health(client: Client) -> list[ModelHealth]:
    found: dict[bytes | None, ModelHealth] = {}
    async with client.read(MODEL_HEALTH, from_beginning=True) as reader:
        async for record in reader.held():
            if event := MODEL_HEALTH.event_in(record):
                found[record.key] = event
    return [*found.values()]


def _models(health: list[ModelHealth], now: float) -> tuple[ModelRow, ...]:
    fresh = [one for one in health if now - one.at.timestamp() < _FRESH]
    return tuple(
        _model(name, [one for one in fresh if one.model == name], now) for name in sorted({one.model for one in fresh})
    )


def _model(name: str, seen: list[ModelHealth], now: float) -> ModelRow:
    opened = [one.open_until for one in seen if one.open_until and one.open_until.timestamp() > now]
    return ModelRow(
        model=name,
        calls=sum(one.calls for one in seen),
        seconds=sum(one.seconds for one in seen) / len(seen),
        errors=sum(one.errors for one in seen) / len(seen),
        open_until=max(opened, default=None),
    )


def _agents(metrics: str) -> dict[str, int]:
    return {name: int(float(value)) for name, value in _IN_FLIGHT.findall(metrics) if float(value)}


def _sum(pattern: re.Pattern[str], metrics: str) -> Any:
    found = pattern.findall(metrics)
    return int(sum(map(float, found))) if found else None
