"""A hosted embedder: batches, limits, retries, and what it has used."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Self, cast

import numpy as np

from app.backoff import full_jitter
from app.errors import ConfigurationError, ModelError, RetrievalError, Unauthorized
from app.models.base import Completion, Model, Prompt
from app.models.embedding.client import EmbeddingClient
from app.models.embedding.dialects import DIALECTS, Embedded, Purpose, Vectors
from app.models.embedding.hosts import DIMENSIONS, EMBEDDING_HOSTS
from app.models.limits.admission_queue import AdmissionQueue
from app.models.limits.concurrency import AdaptiveConcurrency
from app.models.limits.rate_limit import RateLimit
from app.models.outcome import Attempt
from app.rotation import Live, Rotating
from app.settings import RetrievalSettings
from app.suggestions import did_you_mean
from topics.model_requests import Message

_BACKOFF, _LONGEST_PAUSE = 0.5, 30.0
#: An empty text is refused by most services; this stands for it.
_NOTHING = " "


@dataclass(frozen=True, slots=True)
class EmbeddingUse:
    """What one attempt has used: `tokens` as the service counted them, in `seconds`."""

    tokens: int
    seconds: float
    at: float


class HostedEmbedder:
    """Embeds texts by the service that `retrieval.embedder` names, as in `openai/text-embedding-3-small`.

    Its `name` has the model, the dimensions and the prefixes, which determine the vectors.
    """

    batch_size = 64
    batch_calls = 4
    #: Making the vectors of a whole index anew costs money: that is for people to begin.
    remakes_vectors = False
    trusts_unnamed = False

    def __init__(self, settings: RetrievalSettings, live: Live[RetrievalSettings] | None = None) -> None:
        self.provider, _, self.model = settings.embedder.partition("/")
        if (host := EMBEDDING_HOSTS.get(self.provider)) is None:
            hint = did_you_mean(self.provider, EMBEDDING_HOSTS)
            raise ConfigurationError(f"retrieval.embedder: unknown provider {self.provider}; {hint}")
        if not self.model:
            raise ConfigurationError(f"retrieval.embedder: name a model, as in {self.provider}/MODEL")
        self._settings = settings.embedding
        self.dimensions = _dimensions(settings)
        self.name = _name(settings, self.dimensions)
        own = DIMENSIONS.get(self.model)
        # Many servers refuse to be asked for dimensions, even their own.
        self._asked = self.dimensions if own not in {None, self.dimensions} else None
        self._most = DIALECTS[host.dialect].most
        self._client = Rotating(
            "the embedder",
            live or _Fixed(settings),
            lambda found: EmbeddingClient(self.provider, self.model, host, found.embedding),
        )
        guards = (RateLimit(self._settings.limits), AdaptiveConcurrency(self._settings.max_concurrency))
        # The queue hands a component on to its callers; here it is used for its guards only.
        self._queue = AdmissionQueue([cast("Model", self)], guards, max_tokens=1)
        self._uses: list[EmbeddingUse] = []
        self._rng = random.Random()  # noqa: S311  # jitter needs no secrecy

    @classmethod
    def from_settings(cls, settings: RetrievalSettings, live: Live[RetrievalSettings] | None = None) -> Self:
        """Return the embedder that `settings.embedder` names; with `live` settings, it follows its secrets.

        Raises:
            ConfigurationError: the provider is unknown, or the model, its dimensions, the address or the key missing.
            MissingDependency: the HTTP client is not installed.
        """
        return cls(settings, live)

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Return an array of shape (len(texts), dimensions).

        Raises:
            RetrievalError: the service failed, as often as it was asked.
        """
        return await self._embed([self._settings.passage_prefix + text for text in texts], "passage")

    async def embed_query(self, texts: Sequence[str]) -> Vectors:
        """Return the same for queries, which some models tell from passages.

        Raises:
            RetrievalError: as `embed`.
        """
        return await self._embed([self._settings.query_prefix + text for text in texts], "query")

    def take_uses(self) -> list[EmbeddingUse]:
        """Return what was used since this was called last."""
        uses, self._uses = self._uses, []
        return uses

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _embed(self, texts: Sequence[str], purpose: Purpose) -> Vectors:
        parts = [texts[start : start + self._most] for start in range(0, len(texts), self._most)]
        found = await asyncio.gather(*(self._part(part, purpose) for part in parts))
        return np.concatenate([np.empty((0, self.dimensions), dtype=np.float32), *found])

    async def _part(self, texts: Sequence[str], purpose: Purpose) -> Vectors:
        readable = [text.encode(errors="replace").decode() if text.strip() else _NOTHING for text in texts]
        prompt = Prompt(tuple(Message(role="user", content=text) for text in readable))
        for number in range(1, self._settings.attempts + 1):
            try:
                return self._checked(await self._attempt(number, readable, purpose, prompt))
            except ModelError as error:
                if not error.transient or number == self._settings.attempts:
                    raise RetrievalError(f"{self.name} failed: {error}") from None
                pause = full_jitter(number - 1, base=_BACKOFF, cap=_LONGEST_PAUSE, rng=self._rng)
                await asyncio.sleep(min(_LONGEST_PAUSE, max(pause, error.retry_after or 0.0)))
        raise AssertionError  # the last attempt returns or raises

    async def _attempt(self, number: int, texts: Sequence[str], purpose: Purpose, prompt: Prompt) -> Embedded:
        permit = await self._queue.enter(prompt, priority=int(purpose == "query"), deadline=None)
        started, attempt = time.monotonic(), None
        try:
            found = await self._client.call(
                lambda client, left: client.embed(texts, purpose, self._asked, timeout=left),
                self._settings.timeout,
                is_refusal=lambda error: isinstance(error, Unauthorized),
            )
        except ModelError as error:
            attempt = Attempt(number, time.monotonic() - started, error=error)
            raise
        else:
            attempt = Attempt(number, time.monotonic() - started, Completion(""))
            self._uses.append(EmbeddingUse(found.tokens, attempt.seconds, time.time()))
            return found
        finally:
            permit.leave(attempt)

    def _checked(self, found: Embedded) -> Vectors:
        given = found.rows.shape[1]
        if given != self.dimensions:
            raise RetrievalError(
                f"{self.provider}/{self.model} gives vectors of {given} dimensions, not of {self.dimensions}: set "
                f"retrieval.embedding.dimensions to {given}"
            )
        lengths = np.linalg.norm(found.rows, axis=1, keepdims=True)
        return np.asarray(found.rows / np.where(lengths == 0, 1, lengths), dtype=np.float32)


class _Fixed:
    """Settings whose secrets do not change."""

    def __init__(self, value: RetrievalSettings) -> None:
        self.value = value

    async def renew(self) -> None:
        """There is nothing to read again."""


def _dimensions(settings: RetrievalSettings) -> int:
    model = settings.embedder.partition("/")[2]
    found = settings.embedding.dimensions or DIMENSIONS.get(model)
    if found is None:
        text = f"set it: how many numbers a vector of {model} has is not known here"
        raise ConfigurationError(f"retrieval.embedding.dimensions: {text}")
    return found


def _name(settings: RetrievalSettings, dimensions: int) -> str:
    chosen = settings.embedding
    name = f"{settings.embedder}@{dimensions}"
    if not (chosen.query_prefix or chosen.passage_prefix):
        return name
    prefixes = blake2b(f"{chosen.query_prefix}\0{chosen.passage_prefix}".encode(), digest_size=4)
    return f"{name}+{prefixes.hexdigest()}"
