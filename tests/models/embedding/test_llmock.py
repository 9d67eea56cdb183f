"""OpenAI's dialect of embeddings against a server that plays OpenAI."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from app.models.embedding.hosted import HostedEmbedder
from app.settings import RetrievalSettings

if TYPE_CHECKING:
    from llmock.pytest_plugin import LLMock


async def test_vectors_of_the_length_one_and_their_tokens(llmock: LLMock) -> None:
    embedding = {"base_url": llmock.base_url("openai"), "api_key": "sk-planted-1"}
    embedder = HostedEmbedder.from_settings(
        RetrievalSettings.model_validate({"embedder": "openai/text-embedding-3-small", "embedding": embedding})
    )
    rows = await embedder.embed(["one text", "another text", "one text"])
    assert rows.shape == (3, 1536)
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert np.array_equal(rows[0], rows[2])
    assert not np.array_equal(rows[0], rows[1])
    assert sum(use.tokens for use in embedder.take_uses()) > 0
    await embedder.close()
