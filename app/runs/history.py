"""The history of one run: its events, in the partition of its id, and its state while it is running."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from app.workflows.run import Run
from topics.base import Event
from topics.model_requests import ModelRequest
from topics.model_responses import ModelResponse
from topics.results import Result
from topics.retrieval_requests import RetrievalRequest
from topics.retrieval_results import RetrievalResult
from topics.signals import Signal
from topics.step_requests import StepRequest
from topics.step_results import StepResult
from topics.tasks import Task

Request = RetrievalRequest | ModelRequest | StepRequest
Answer = RetrievalResult | ModelResponse | StepResult

E = TypeVar("E", bound=Event)


@dataclass(frozen=True, slots=True)
class Recorded(Generic[E]):
    """An event, and when it was written to its topic, in epoch seconds."""

    event: E
    at: float


@dataclass(frozen=True, slots=True)
class RunHistory:
    """All that is known of the run of `task_id`; requests and answers by id, in order of their first appearance.

    `run` is its state while it is running; `spec` its workflow as deployed, if that is on a topic.
    """

    task_id: str
    task: Recorded[Task] | None = None
    requests: Mapping[str, Recorded[Request]] = field(default_factory=dict)
    answers: Mapping[str, Recorded[Answer]] = field(default_factory=dict)
    signals: tuple[Recorded[Signal], ...] = ()
    result: Recorded[Result] | None = None
    run: Run | None = None
    spec: Mapping[str, Any] = field(default_factory=dict)

    @property
    def known(self) -> bool:
        """Whether any topic has this run."""
        return self.task is not None or self.result is not None or self.run is not None
