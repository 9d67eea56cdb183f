from __future__ import annotations

from typing import Any
from unittest.mock import AsyncMock, Mock

from app.delivery.outbox import Outbox
from app.models.embedding.hosted import EmbeddingUse
from app.retrieval.embedding.hashing import HashingEmbedder
from app.settings import RetrievalSettings
from app.worker.embedding_spend import EmbeddingSpend
from topics.spend import Spend

SETTINGS = RetrievalSettings.model_validate(
    {"embedder": "openai/m", "embedding": {"dimensions": 8, "price": {"input": 2.0, "output": 0.0}}}
)


async def test_that_what_was_used_is_one_record_and_each_record_its_own() -> None:
    outbox: Any = Mock(spec=Outbox, publish=AsyncMock())
    uses = [EmbeddingUse(300_000, 0.5, 1_796_119_200.0), EmbeddingUse(200_000, 0.25, 1_796_119_201.0)]
    spend = EmbeddingSpend(outbox, Mock(take_uses=Mock(side_effect=[uses, [], uses[:1]])), SETTINGS)
    for _ in range(3):
        await spend.publish()
    first, second = (call.args[0][0].event for call in outbox.publish.await_args_list)
    assert isinstance(first, Spend)
    assert (first.model, first.provider, first.provider_model) == ("openai/m", "openai", "m")
    assert (first.usage.input_tokens, first.usage.cost, first.seconds) == (500_000, 1.0, 0.75)
    assert first.id != second.id


async def test_that_an_embedder_in_the_worker_costs_nothing() -> None:
    outbox: Any = Mock(spec=Outbox, publish=AsyncMock())
    await EmbeddingSpend(outbox, HashingEmbedder(), RetrievalSettings(embedder="hashing")).publish()
    outbox.publish.assert_not_awaited()
