"""`slots`: runs of a workflow with a concurrency limit ask for a slot, and release it."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, Field

from topics.base import Event, Topic


class SlotEvent(Event):
    """Run `task_id` asks for, or releases, one of the `limit` slots of `workflow` for `key`.

    The owner of the key's partition answers on step-results, under the same `id`, when the run gets a slot: the
    highest `priority` first, then first come, first served. A slot that is not released is free again at
    `expires_at`.
    """

    id: str
    action: Literal["acquire", "release"]
    workflow: str
    key: str
    task_id: str
    limit: int = Field(default=1, ge=1)
    priority: int = 0
    expires_at: AwareDatetime


SLOTS = Topic(
    name="slots",
    event=SlotEvent,
    type="meta_ai.slot",
    key="workflow/key",
    summary="Turns of runs under a concurrency limit: asked for, and given back.",
)
