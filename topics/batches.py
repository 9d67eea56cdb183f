"""`batches`: files of requests, and how far each of them is done."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, Field

from topics.base import Event, Topic
from topics.files import StoredFile
from topics.tasks import SpendLimit

Status = Literal["validating", "failed", "in_progress", "finalizing", "completed", "expired", "cancelling", "cancelled"]


class BatchError(Event):
    """What is wrong with a line of the input, or with all of it."""

    code: str
    message: str
    line: int | None = None


class BatchOwner(Event):
    """Who began a batch, and what its requests may use: the workflows and models (null: all), and how much money."""

    id: str
    kind: Literal["local", "anonymous", "api_key", "token"]
    tenant: str | None = None
    roles: tuple[str, ...] = ()
    workflows: tuple[str, ...] | None = None
    models: tuple[str, ...] | None = None
    spend_limit: SpendLimit | None = None


class BatchState(Event):
    """A batch after so many rounds.

    Of the `input`, so many `lines` are read, which are the first `offset` bytes, and of these lines so many are
    `counted`: all up to there have ended. `total` requests are in the input, `completed` and `failed` have ended.
    """

    round: int = Field(default=0, ge=0)
    status: Status = "validating"
    endpoint: str
    input: StoredFile
    owner: BatchOwner
    metadata: dict[str, str] = Field(default_factory=dict)
    #: When each status was reached.
    times: dict[str, AwareDatetime] = Field(default_factory=dict)
    expires_at: AwareDatetime
    #: The status that it will have in the end.
    ending: Literal["completed", "expired", "cancelled"] = "completed"
    offset: int = Field(default=0, ge=0)
    lines: int = Field(default=0, ge=0)
    counted: int = Field(default=0, ge=0)
    total: int = Field(default=0, ge=0)
    completed: int = Field(default=0, ge=0)
    failed: int = Field(default=0, ge=0)
    errors: tuple[BatchError, ...] = ()
    output_file_id: str | None = None
    error_file_id: str | None = None


class BatchEvent(Event):
    """The new state of a batch, or else that it is to be cancelled."""

    batch_id: str
    kind: Literal["state", "cancel"] = "state"
    state: BatchState | None = None


BATCHES = Topic(
    name="batches",
    event=BatchEvent,
    type="meta_ai.batch",
    key="batch id",
    summary="Batches of requests: how far they are done, and cancellations.",
)
