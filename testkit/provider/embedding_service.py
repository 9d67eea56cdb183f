"""A stand-in for services that embed texts, in the dialects of OpenAI, Voyage, Cohere and Amazon Titan."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from aiohttp import web


@dataclass
class EmbeddingService:
    """What it was asked, and how it answers: the `failures` first, as status and headers, then vectors."""

    url: str = ""
    dimensions: int = 8
    asked: list[tuple[str, Mapping[str, str], Any]] = field(default_factory=list)
    failures: list[tuple[int, Mapping[str, str]]] = field(default_factory=list)

    def vector(self, text: str) -> list[float]:
        """Return the vector of a text: three times as long as a unit vector, so that it must be scaled."""
        digest = blake2b(text.encode(), digest_size=self.dimensions).digest()
        raw = [byte - 127.5 for byte in digest]
        length = sum(one * one for one in raw) ** 0.5
        return [3 * one / length for one in raw]

    @property
    def bodies(self) -> list[Any]:
        """The bodies of the requests, in order."""
        return [body for _, _, body in self.asked]

    async def answer(self, request: web.Request) -> web.Response:
        """Answer a request in the dialect of its path."""
        body = await request.json()
        self.asked.append((request.path, dict(request.headers), body))
        if self.failures:
            status, headers = self.failures.pop(0)
            return web.json_response({"error": {"message": "not now"}}, status=status, headers=headers)
        return web.json_response(self._answer(request.path, body))

    def _answer(self, path: str, body: Any) -> dict[str, Any]:
        if path.endswith("/invoke"):
            return {"embedding": self.vector(body["inputText"]), "inputTextTokenCount": 3}
        if path.endswith("/embed"):
            vectors = [self.vector(text) for text in body["texts"]]
            return {"embeddings": {"float": vectors}, "meta": {"billed_units": {"input_tokens": 3 * len(vectors)}}}
        return _openai(body["input"], [self.vector(text) for text in body["input"]])


def _openai(texts: Sequence[str], vectors: Sequence[Sequence[float]]) -> dict[str, Any]:
    data = [{"object": "embedding", "index": at, "embedding": vector} for at, vector in enumerate(vectors)]
    # In another order than asked, as is allowed.
    return {"object": "list", "data": data[::-1], "usage": {"prompt_tokens": 3 * len(texts)}}


@asynccontextmanager
async def running_embedding_service() -> AsyncIterator[EmbeddingService]:
    """Yield one that listens on loopback."""
    service = EmbeddingService()
    app = web.Application()
    app.router.add_post("/{path:.*}", service.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        service.url = f"http://{host}:{port}"
        yield service
    finally:
        await runner.cleanup()
