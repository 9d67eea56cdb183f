"""`signals`: messages to an active run, such as an approval."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue

from topics.base import Event, Topic


class Signal(Event):
    """A message to the run of `task_id`.

    A `signal` goes to the step that waits for its `name`; `cancel` ends the run. A signal that is received before its
    step waits for it is kept. The first of a name counts. `approve` and `reject` say whether a run may begin that waits
    for an approval; the `name` of those, and of a cancellation, is the reason.
    """

    task_id: str = Field(min_length=1, max_length=200)
    kind: Literal["signal", "cancel", "approve", "reject"] = "signal"
    name: str = Field(default="", max_length=100)
    payload: JsonValue = None
    actor: str = Field(default="", description="who sends it, for the record")


SIGNALS = Topic(
    name="signals",
    event=Signal,
    type="meta_ai.signal",
    key="task id (any key, or none, is accepted from producers)",
    summary="Approvals and other messages to active runs, and cancellations.",
    open=True,
)
