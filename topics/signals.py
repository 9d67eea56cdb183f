"""`signals`: what the outside tells a run that is under way, such as an approval."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue

from topics.base import Event, Topic


class Signal(Event):
    """Tell the run of `task_id` something.

    A `signal` goes to the step that waits for its `name`; `cancel` ends the run. A signal that comes before its
    step waits for it is kept. The first of a name counts.
    """

    task_id: str = Field(min_length=1, max_length=200)
    kind: Literal["signal", "cancel"] = "signal"
    name: str = Field(default="", max_length=100)
    payload: JsonValue = None
    actor: str = Field(default="", description="who sends it, for the record")


SIGNALS = Topic(
    name="signals",
    event=Signal,
    type="meta_ai.signal",
    key="task id (any key, or none, is accepted from producers)",
    summary="Approvals and other news for runs under way, and cancellations.",
)
