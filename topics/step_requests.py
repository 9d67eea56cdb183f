"""`step-requests`: calls of connectors: a data source, an HTTP service, a function of the user."""

from __future__ import annotations

from pydantic import AwareDatetime, Field, JsonValue

from topics.base import Event, Topic


class StepRequest(Event):
    """Run the connector called `connector` with `arguments`; the answer carries the same `id`.

    An equal answer for the same `tenant` that is at most `cache_for` seconds old may be taken from the response cache.
    A request is not begun after `expires_at`.
    """

    id: str
    task_id: str
    step: str
    connector: str
    arguments: dict[str, JsonValue] = Field(default_factory=dict)
    tenant: str = ""
    cache_for: float | None = None
    expires_at: AwareDatetime | None = None


STEP_REQUESTS = Topic(
    name="step-requests",
    event=StepRequest,
    type="meta_ai.step_request",
    key="task id",
    summary="Work for connectors, answered on step-results.",
)
