"""`retrieve`: ask for the chunks that fit a query."""

from __future__ import annotations

from app.errors import ExpressionError
from app.workflows.definition.search_filters import read_filter
from app.workflows.kinds.base import PassiveKind, StepContext, Transition
from app.workflows.run import Response
from topics.metadata_filters import MetadataFilter
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
            filter=_filter(ctx),
            max_tokens=ctx.spec.max_tokens,
            stores=ctx.spec.stores,
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


def _filter(ctx: StepContext) -> MetadataFilter | None:
    written = ctx.compiled.values.get("filter")
    try:
        return read_filter(written.evaluate(ctx.context())) if written else None
    except ValueError as error:
        raise ExpressionError(f"step {ctx.name}: filter: {error}") from None
