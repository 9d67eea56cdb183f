"""`model-health`: how fast and how reliable each model has been lately, as each worker saw it."""

from __future__ import annotations

from pydantic import AwareDatetime

from topics.base import Event, Topic


class ModelHealth(Event):
    """What one worker has measured of one model.

    `seconds` is a peak-sensitive moving average of the duration of calls, `errors` that of the share of calls
    that failed through the model's fault (0 to 1), `calls` how many were made since the worker started. Until
    `open_until` the worker does not expect the model to answer, and does not call it; `trips` is how often that has
    happened since it last answered.
    """

    model: str
    worker: str
    at: AwareDatetime
    calls: int = 0
    seconds: float = 0.0
    errors: float = 0.0
    open_until: AwareDatetime | None = None
    trips: int = 0


MODEL_HEALTH = Topic(
    name="model-health",
    event=ModelHealth,
    type="meta_ai.model_health",
    key="model/worker",
    summary="Latency, errors and breakers of models, shared by all workers.",
    compacted=True,
)
