"""`retrieval-requests`: searches of runs in the documents."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, Field

from topics.base import Event, Topic
from topics.documents import RoleNames, Tenant
from topics.metadata_filters import MetadataFilter


class RetrievalRequest(Event):
    """Find the `limit` chunks that fit `query` best; the answer carries the same `id`.

    What is found is what all tenants share and what is the `tenant`'s own; what is for some roles, only with one of
    `roles`; and only what `filter` wants, if there is one. `stores` are the names of those that are searched; without
    them, it is the default one. With `max_tokens`, the chunks are made to fit into them.
    """

    id: str
    task_id: str
    step: str
    query: str
    limit: int = Field(default=4, ge=1, le=100)
    collection: str = "default"
    tenant: Tenant = ""
    roles: RoleNames = ()
    filter: MetadataFilter | None = None
    max_tokens: int | None = Field(default=None, ge=1)
    stores: Annotated[tuple[str, ...], Field(max_length=20)] = ()
    cache_for: float | None = None
    expires_at: AwareDatetime | None = None


RETRIEVAL_REQUESTS = Topic(
    name="retrieval-requests",
    event=RetrievalRequest,
    type="meta_ai.retrieval_request",
    key="task id",
    summary="Requests for knowledge, answered on retrieval-results.",
)
