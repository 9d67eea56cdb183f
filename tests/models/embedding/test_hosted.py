from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from app.errors import ConfigurationError, RetrievalError
from app.models.embedding.hosted import HostedEmbedder
from app.retrieval.conformance.embedder import probe_embedder
from app.retrieval.registry import build_embedder
from app.settings import RetrievalSettings
from testkit.provider.embedding_service import EmbeddingService, running_embedding_service


@pytest.fixture
async def service() -> AsyncIterator[EmbeddingService]:
    async with running_embedding_service() as running:
        yield running


def settings(service: EmbeddingService, embedder: str = "openai/m", **embedding: Any) -> RetrievalSettings:
    chosen = {"base_url": service.url, "api_key": "sk-secret", "dimensions": 8, **embedding}
    return RetrievalSettings.model_validate({"embedder": embedder, "embedding": chosen})


def hosted(service: EmbeddingService, embedder: str = "openai/m", **embedding: Any) -> HostedEmbedder:
    return HostedEmbedder.from_settings(settings(service, embedder, **embedding))


PATHS = {
    "openai": "/embeddings",
    "azure-openai": "/embeddings",
    "ollama": "/embeddings",
    "voyage": "/embeddings",
    "cohere": "/embed",
    "bedrock": "/model/m/invoke",
}


@pytest.mark.parametrize("provider", PATHS)
async def test_it_keeps_every_promise_of_embedders_in_every_dialect(provider: str, service: EmbeddingService) -> None:
    checks = [check async for check in probe_embedder(lambda: hosted(service, f"{provider}/m"))]
    assert [check for check in checks if check.status != "pass"] == []
    assert {path for path, _, _ in service.asked} == {PATHS[provider]}
    header = "api-key" if provider == "azure-openai" else "Authorization"
    assert all("sk-secret" in headers[header] for _, headers, _ in service.asked)


@pytest.mark.parametrize(
    ("name", "query", "passage"),
    [
        ("openai/text-embedding-3-small", {"input": ["q"], "dimensions": 8}, {"input": ["p"]}),
        ("voyage/voyage-3.5", {"input_type": "query", "output_dimension": 8}, {"input_type": "document"}),
        ("cohere/embed-v4.0", {"input_type": "search_query", "output_dimension": 8}, {"input_type": "search_document"}),
        ("bedrock/amazon.titan-embed-text-v2:0", {"inputText": "q", "dimensions": 8}, {"inputText": "p"}),
    ],
)
async def test_queries_and_passages_are_told_apart(
    name: str, query: dict[str, Any], passage: dict[str, Any], service: EmbeddingService
) -> None:
    embedder = build_embedder(settings(service, name))
    await embedder.embed_query(["q"])  # type: ignore[attr-defined]  # an optional part of the port
    await embedder.embed(["p"])
    assert query.items() <= service.bodies[0].items()
    assert passage.items() <= service.bodies[1].items()
    await embedder.close()


async def test_prefixes_are_put_before_texts_and_change_the_name(service: EmbeddingService) -> None:
    plain, prefixed = hosted(service), hosted(service, query_prefix="query: ", passage_prefix="passage: ")
    await prefixed.embed_query(["a"])
    await prefixed.embed(["a"])
    assert [body["input"] for body in service.bodies] == [["query: a"], ["passage: a"]]
    assert plain.name == "openai/m@8"
    assert prefixed.name.startswith("openai/m@8+")
    await plain.close()
    await prefixed.close()


async def test_many_texts_are_as_many_requests_as_the_service_needs_in_their_order(service: EmbeddingService) -> None:
    embedder = hosted(service, "cohere/m")
    texts = [f"text {number}" for number in range(200)]
    rows = await embedder.embed(texts)
    assert [len(body["texts"]) for body in service.bodies] == [96, 96, 8]
    assert np.allclose(rows * 3, [service.vector(text) for text in texts], atol=1e-4)
    assert sum(use.tokens for use in embedder.take_uses()) == 600
    assert embedder.take_uses() == []
    await embedder.close()


async def test_what_may_pass_is_tried_again_and_what_may_not_is_told_without_the_key(service: EmbeddingService) -> None:
    embedder = hosted(service, attempts=3)
    service.failures = [(429, {"retry-after-ms": "1"}), (503, {"retry-after-ms": "1"})]
    assert (await embedder.embed(["a"])).shape == (1, 8)
    assert len(service.asked) == 3
    service.failures = [(401, {})]
    with pytest.raises(RetrievalError, match="openai/m@8 failed") as refused:
        await embedder.embed(["a"])
    assert len(service.asked) == 4
    assert "sk-secret" not in str(refused.value)
    service.failures = [(429, {"retry-after-ms": "1"})] * 3
    with pytest.raises(RetrievalError):
        await embedder.embed(["a"])
    await embedder.close()


async def test_a_model_that_is_not_known_is_not_asked_for_dimensions(service: EmbeddingService) -> None:
    embedder = hosted(service)
    await embedder.embed(["a"])
    assert "dimensions" not in service.bodies[0]
    await embedder.close()


async def test_other_dimensions_are_refused_with_what_to_set(service: EmbeddingService) -> None:
    service.dimensions = 5
    embedder = hosted(service)
    with pytest.raises(RetrievalError, match=r"of 5 dimensions, not of 8: set retrieval\.embedding\.dimensions to 5"):
        await embedder.embed(["a"])
    await embedder.close()


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"embedder": "opnai/x"}, r"retrieval\.embedder: unknown provider opnai; did you mean `openai`"),
        ({"embedder": "openai/"}, r"retrieval\.embedder: name a model"),
        ({"embedder": "openai/x", "embedding": {"api_key": "k"}}, r"retrieval\.embedding\.dimensions: set it"),
        ({"embedder": "voyage/voyage-3.5"}, r"retrieval\.embedding\.api_key: set it, or .* VOYAGE_API_KEY"),
        ({"embedder": "azure-openai/x", "embedding": {"dimensions": 3}}, r"retrieval\.embedding\.base_url: set it"),
    ],
)
def test_what_is_missing_is_said(given: dict[str, Any], complaint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VOYAGE_API_KEY", raising=False)
    with pytest.raises(ConfigurationError, match=complaint):
        build_embedder(RetrievalSettings.model_validate(given))


async def test_a_new_key_is_used_when_the_old_one_is_refused(service: EmbeddingService) -> None:
    class Secrets:
        def __init__(self) -> None:
            self.value = settings(service)

        async def renew(self) -> None:
            self.value = settings(service, api_key="sk-new")

    embedder = HostedEmbedder.from_settings(settings(service), Secrets())
    service.failures = [(401, {})]
    assert (await embedder.embed(["a"])).shape == (1, 8)
    assert [headers["Authorization"] for _, headers, _ in service.asked] == ["Bearer sk-secret", "Bearer sk-new"]
    await embedder.close()
