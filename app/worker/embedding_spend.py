"""Puts on record what the embedding of texts costs, if the embedder is hosted."""

from __future__ import annotations

import asyncio
import secrets
from datetime import UTC, datetime
from itertools import count

from app.delivery.envelope import Outgoing
from app.delivery.outbox import Outbox
from app.prices.price import Price
from app.retrieval.base import Embedder
from app.settings import RetrievalSettings
from topics import SPEND
from topics.model_responses import Usage
from topics.spend import Spend

#: The task and the step of these records: a call has the texts of many.
_TASK, _STEP = "embedding", "embed"


class EmbeddingSpend:
    """Sends a record of all calls of a few seconds; calls share the texts of runs and documents."""

    def __init__(self, outbox: Outbox, embedder: Embedder, settings: RetrievalSettings) -> None:
        self._outbox = outbox
        self._embedder = embedder
        self._name = settings.embedder
        self._price = Price.of(settings.embedding.price) if settings.embedding.price else None
        self._nonce = secrets.token_hex(8)
        self._numbers = count()

    async def publish_regularly(self, *, interval: float = 2.0) -> None:
        """Send every `interval` seconds what was used, until cancelled."""
        while True:
            await asyncio.sleep(interval)
            await self.publish()

    async def publish(self) -> None:
        """Send what was used since the last time, if anything was."""
        take = getattr(self._embedder, "take_uses", None)
        if not take or not (uses := take()):
            return
        usage = Usage(input_tokens=sum(one.tokens for one in uses))
        provider, _, model = self._name.partition("/")
        name = f"{_TASK}/{self._nonce}/{next(self._numbers)}"
        spend = Spend(
            id=name,
            request_id=name,
            task_id=_TASK,
            step=_STEP,
            model=self._name,
            provider=provider,
            provider_model=model,
            usage=usage.model_copy(update={"cost": self._price.cost(usage) if self._price else 0.0}),
            priced=self._price.as_of if self._price else "",
            seconds=round(sum(one.seconds for one in uses), 6),
            at=datetime.fromtimestamp(uses[-1].at, UTC),
        )
        await self._outbox.publish([Outgoing(SPEND, spend.task_id, spend, spend.id)])
