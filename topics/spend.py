"""`spend`: what each attempt at a model call has cost."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime

from topics.base import Event, Topic
from topics.model_responses import Usage


class Spend(Event):
    """What one attempt used, and what that costs in US dollars (`usage.cost`).

    `id` names the attempt: records with the same id are the same money. `outcome` is `answered`, `cut` (the answer
    does not count: it broke off, was withheld or malformed, or nobody waited for it any more), `lost` (another attempt,
    made at the same time, was faster), or `cached` (nothing was used: the answer had been given before, and `saved` is
    what it had cost then). `error` is the code of the error that the attempt ended with, if any. `estimated` tells that
    the provider did not count all tokens: what is missing is estimated from the text. `priced` is the
    date of the price that was used, `configuration` for one of the settings, empty without a price.
    """

    id: str
    request_id: str
    task_id: str
    tenant: str = ""
    workflow: str = ""
    step: str
    model: str
    provider: str
    provider_model: str = ""
    outcome: Literal["answered", "cut", "lost", "cached"] = "answered"
    error: str = ""
    usage: Usage = Usage()
    saved: float = 0.0
    estimated: bool = False
    priced: str = ""
    seconds: float = 0.0
    at: AwareDatetime


SPEND = Topic(
    name="spend",
    event=Spend,
    type="meta_ai.spend",
    key="task id",
    summary="What attempts at model calls cost, one record for each attempt that used tokens.",
)
