"""`tasks`: what upstream systems ask for."""

from __future__ import annotations

from pydantic import AwareDatetime, Field, JsonValue

from topics.base import Event, Topic


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


class Task(Event):
    """One piece of work for one workflow.

    Only `input` is required, and only with what the workflow needs. A missing `id` is filled in from
    the message's key, or else from its place (topic, partition, offset), so that a redelivery of the
    same message is the same task. A task whose `deadline` has passed ends as a failed result. `version` asks
    for another version of the workflow than the active one; `priority` for another place in its queue. `tenant`
    says for whom it is done: whose budget pays, and with whom answers may be shared.
    """

    id: str | None = Field(default=None, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*$")
    workflow: str = "ask"
    version: int | None = Field(default=None, ge=1)
    priority: int | None = None
    tenant: str = Field(default="", max_length=100, pattern=r"^[^\x00-\x1f]*$")
    input: dict[str, JsonValue]
    deadline: AwareDatetime | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    parent: Parent | None = None


TASKS = Topic(
    name="tasks",
    event=Task,
    type="meta_ai.task",
    key="task id (any key, or none, is accepted from producers)",
    summary="Work for the orchestrator: one JSON object a task.",
)
