"""`tasks`: what upstream systems ask for."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Protocol

from pydantic import AwareDatetime, Field, JsonValue, ValidationError

from app.errors import InvalidEvent
from topics import foreign
from topics.base import Event, Failure, Topic
from topics.documents import RoleNames, Tenant

#: What a task's id may be: any text without control characters.
_LONGEST, _ID = 200, r"^[^\x00-\x1f]*$"


class Parent(Event):
    """The step of another run that waits for a task's outcome, under `request_id`.

    `depth` counts the generations: 1 is the child of a task that came from outside. `paid` are the budgets to
    which the other run's cost counts, this task's included; `models`, if given, the only ones that it may use.
    """

    task_id: str
    step: str
    request_id: str
    depth: int = Field(default=1, ge=1)
    paid: tuple[str, ...] = ()
    models: tuple[str, ...] | None = None


class SpendLimit(Event):
    """The budget `name` of whoever sent a task: at most `limit` US dollars in each `period` (seconds)."""

    name: str = Field(min_length=1, max_length=100, pattern=r"^[a-zA-Z0-9._-]+$")
    limit: float = Field(gt=0, allow_inf_nan=False)
    period: float = Field(ge=1, allow_inf_nan=False)


class Approval(Event):
    """The policy by which a task needs an approval before its run begins, and its reason.

    It was sent by `requested_by`, who cannot approve it. After `seconds` without an approval, it fails.
    """

    policy: str
    reason: str = ""
    requested_by: str = ""
    seconds: float = Field(gt=0, allow_inf_nan=False)


class Task(Event):
    """One piece of work for one workflow.

    Only `input` is required, and only with what the workflow needs. A missing `id` is filled in from
    the message's key, or else from its place (topic, partition, offset), so that a redelivery of the
    same message is the same task. A task whose `deadline` has passed ends as a failed result. `version` asks
    for another version of the workflow than the active one; `priority` for another place in its queue. `tenant`
    says for whom it is done: whose budget pays, whose documents are found, and with whom answers may be shared. `roles`
    are those of whoever sent it: documents that are for some roles are found with one of them. `webhook` is told when
    the task has ended: a URL, or the name of a configured endpoint. A gateway sets `spend_limit`, for whoever sent it,
    and the `approval` for which the run waits. `rejected` is set by the orchestrator: it says why a task, of which this
    is the part that could be read, ends as a failed result.
    """

    id: str | None = Field(default=None, min_length=1, max_length=_LONGEST, pattern=_ID)
    workflow: str = "ask"
    version: int | None = Field(default=None, ge=1)
    priority: int | None = None
    tenant: Tenant = ""
    roles: RoleNames = ()
    input: dict[str, JsonValue]
    deadline: AwareDatetime | None = None
    webhook: str | None = Field(default=None, min_length=1, max_length=2048, pattern=_ID)
    metadata: dict[str, str] = Field(default_factory=dict)
    parent: Parent | None = None
    rejected: Failure | None = None
    spend_limit: SpendLimit | None = None
    approval: Approval | None = None


#: The fields that producers set; the others are set by the orchestrator.
PRODUCER_FIELDS = tuple(
    name for name in Task.model_fields if name not in {"parent", "rejected", "spend_limit", "approval"}
)


class Message(Protocol):
    """What a task's id may come from beside the task: its message's key and place."""

    @property
    def key(self) -> bytes | None:
        """The key, as it was sent."""
        ...

    @property
    def topic(self) -> str:
        """The full name of the topic."""
        ...

    @property
    def partition(self) -> int:
        """The partition."""
        ...

    @property
    def offset(self) -> int:
        """The offset in it."""
        ...


def task_id(task: Task, message: Message) -> str:
    """Return a task's id: its own, or else the message's key, or else topic, partition and offset."""
    place = f"{message.topic}-{message.partition}-{message.offset}"
    return task.id or id_of_key(message.key) or place


def id_of_key(key: bytes | None) -> str | None:
    """Return the id that a message's key gives to a task without one; None if it cannot be an id."""
    text = (foreign.key_text(key) or "").strip()
    # One that is too long might become that of another task when it is cut.
    return text if 0 < len(text) <= _LONGEST and re.match(_ID, text) else None


def salvage(value: bytes | None, key: bytes | None) -> Task | None:
    """Return what can be read of an invalid task: its id and what its result needs; None if not even the id can."""
    read: JsonValue = None
    with suppress(InvalidEvent):
        read = foreign.parse(value or b"").value
    fields = read if isinstance(read, dict) else {}
    task = Task(input={})
    for name in ("id", "workflow", "tenant", "webhook", "metadata"):
        with suppress(KeyError, ValidationError):
            task = task.model_copy(update={name: getattr(Task.model_validate({name: fields[name], "input": {}}), name)})
    number = fields.get("id")
    digits = str(number).encode() if isinstance(number, int) and not isinstance(number, bool) else b""
    own = task.id or id_of_key(digits) or id_of_key(key)
    return task.model_copy(update={"id": own}) if own else None


TASKS = Topic(
    name="tasks",
    event=Task,
    type="meta_ai.task",
    key="task id (any key, or none, is accepted from producers)",
    summary="Work for the orchestrator: one JSON object a task.",
    open=True,
)
