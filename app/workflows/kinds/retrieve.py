"""`retrieve`: ask for the chunks that fit a query."""

from __future__ import annotations

from app.workflows.kinds.base import PassiveKind, StepContext, Transition
from app.workflows.run import Response
from topics.retrieval_requests import RetrievalRequest
from topics.retrieval_results import RetrievalResult


class RetrieveKind(PassiveKind):
    """One request, one answer."""

    def begin(self, ctx: StepContext) -> Transition:
        """Send the request."""
        request = RetrievalRequest(
            id=ctx.request_id("retrieve"),
            task_id=ctx.run.task_id,
            step=ctx.name,
            query=ctx.compiled.templates["query"].render(ctx.context()),
            limit=ctx.spec.limit,
            collection=ctx.spec.collection,
            tenant=ctx.run.task.tenant,
            roles=ctx.run.task.roles,
            cache_for=ctx.spec.cache_for,
            expires_at=ctx.expires_at,
        )
        return ctx.running(request)

    def receive(self, ctx: StepContext, received: Response) -> Transition:
        """End with what was found."""
        if not isinstance(received, RetrievalResult):
            return Transition(ctx.step)
        if received.error:
            return ctx.failed(received.error)
        # No hits are a list too, so that `size(steps.search.output)` needs no test.
        return ctx.succeeded(chunks=received.chunks, output=None if received.chunks else [])
