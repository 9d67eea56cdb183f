"""The state of a run: the facts received, and what is still awaited."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import TypeAdapter

from topics.base import Failure
from topics.model_responses import ModelResponse
from topics.retrieval_results import Chunk
from topics.tasks import Task

Status = Literal["waiting", "running", "succeeded", "failed"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a step's candidates were fused into."""

    text: str
    branch: str
    agreement: float
    reason: str


@dataclass(frozen=True, slots=True)
class StepRun:
    """One step of a run; times are epoch seconds.

    `outstanding` are the ids of the requests that are not answered yet, `asked` is how many there were.
    """

    status: Status = "waiting"
    started_at: float = 0.0
    ends_at: float = 0.0
    ended_at: float = 0.0
    asked: int = 0
    outstanding: frozenset[str] = frozenset()
    chunks: tuple[Chunk, ...] = ()
    responses: tuple[ModelResponse, ...] = ()
    answer: Answer | None = None
    error: Failure | None = None

    @property
    def over(self) -> bool:
        """Whether nothing more happens in this step."""
        return self.status in {"succeeded", "failed"}


@dataclass(frozen=True, slots=True)
class Run:
    """One task under way."""

    task_id: str
    task: Task
    digest: str
    version: int
    accepted_at: float
    deadline: float
    steps: Mapping[str, StepRun]
    traceparent: str | None = None
    kind: Literal["run"] = field(default="run")

    @property
    def wake_at(self) -> float:
        """When something is to happen though no event comes: the next time-out."""
        return min((step.ends_at for step in self.steps.values() if step.status == "running"), default=self.deadline)


@dataclass(frozen=True, slots=True)
class Done:
    """What is remembered of a run that ended, until `forget_at`, to recognise repetitions."""

    digest: str
    forget_at: float
    kind: Literal["done"] = field(default="done")

    @property
    def wake_at(self) -> float:
        """When it is forgotten."""
        return self.forget_at


RunState = Run | Done

_ADAPTER: TypeAdapter[RunState] = TypeAdapter(Run | Done)


def encode(state: RunState) -> bytes:
    """Return the state as JSON."""
    return _ADAPTER.dump_json(state, exclude_defaults=False, exclude_none=True)


def decode(value: bytes) -> RunState:
    """Return the state in JSON that `encode` made.

    Raises:
        pydantic.ValidationError: it is not one.
    """
    return _ADAPTER.validate_json(value)


def digest(task: Task) -> str:
    """Return what tells two tasks of the same id apart: a hash of what they ask for, whatever the order of its keys."""
    content = json.dumps([task.workflow, task.input], sort_keys=True).encode()
    return hashlib.blake2b(content, digest_size=8).hexdigest()
