"""`retrieve`: ask for the chunks that fit a query."""

from __future__ import annotations

from app.workflows.kinds.base import Moment, Move, Still
from app.workflows.run import Fact
from topics.retrieval_requests import RetrievalRequest
from topics.retrieval_results import RetrievalResult


class RetrieveKind(Still):
    """One request, one answer."""

    def begin(self, at: Moment) -> Move:
        """Send the request."""
        request = RetrievalRequest(
            id=at.request_id("retrieve"),
            task_id=at.run.task_id,
            step=at.name,
            query=at.part.templates["query"].render(at.context()),
            limit=at.spec.limit,
            collection=at.spec.collection,
            cache_for=at.spec.cache_for,
            expires_at=at.expires_at,
        )
        return at.running(request)

    def receive(self, at: Moment, fact: Fact) -> Move:
        """End with what was found."""
        if not isinstance(fact, RetrievalResult):
            return Move(at.step)
        return at.failed(fact.error) if fact.error else at.succeeded(chunks=fact.chunks)
