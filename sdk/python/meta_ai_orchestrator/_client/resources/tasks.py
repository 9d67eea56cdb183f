"""`client.tasks`, `client.results` and `client.runs`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Literal, TypeAlias, TypedDict, Unpack

from meta_ai_orchestrator._client.actions import Emits, Response, Steps, parsed
from meta_ai_orchestrator._client.calls import JSON_LINES, Call, encoded, get, given, once, path, post
from meta_ai_orchestrator._client.core import now
from meta_ai_orchestrator._client.endpoints import Endpoint, Listed, Mode, Resource
from meta_ai_orchestrator._client.errors import InvalidResponseError
from meta_ai_orchestrator._client.task_streams import TaskStream
from meta_ai_orchestrator._client.task_waits import result_of, wait_for
from meta_ai_orchestrator.types import (
    Feedback,
    Result,
    ResultChunk,
    RunSummary,
    RunView,
    TaskOutcome,
    TaskRow,
    TaskState,
)

Outcomes: TypeAlias = list[TaskOutcome]
#: What one request of many tasks may have: the gateway takes more lines, and this bounds the memory.
_MOST_LINES, _MOST_BYTES = 1000, 4 * 1024 * 1024


class TaskOptions(TypedDict, total=False):
    """What a task may say besides its workflow and input."""

    version: int
    priority: int
    tenant: str
    deadline: datetime
    webhook: str
    metadata: Mapping[str, str]


class Tasks(Resource[Mode]):
    """Tasks: send, follow, cancel and list them."""

    @Endpoint
    def create(
        self,
        *,
        input: Mapping[str, Any],  # noqa: A002  # as the field is called
        workflow: str = "ask",
        idempotency_key: str | None = None,
        **options: Unpack[TaskOptions],
    ) -> Call[TaskState]:
        """Send a task, and return its id as soon as it is accepted.

        With the same `idempotency_key` it is the same task; without one, all attempts of this call are.
        """
        return submission(workflow, input, idempotency_key, options)

    @Endpoint
    def get(self, task_id: str) -> Call[TaskState]:
        """Return what has become of a task."""
        return get(TaskState, path("/v1/tasks", task_id))

    @Listed
    def list(
        self,
        *,
        workflow: str | None = None,
        tenant: str | None = None,
        ended: bool | None = None,
        children: bool | None = None,
        limit: int | None = None,
    ) -> Emits[TaskRow]:
        """List tasks, newest first, in pages of `limit`; with `children`, those that runs have started, too."""
        query = {"workflow": workflow, "tenant": tenant, "ended": ended, "children": children, "limit": limit}
        return self._core.pages("/v1/tasks", TaskRow, query)

    @Endpoint
    def cancel(self, task_id: str, *, reason: str = "") -> Call[TaskState]:
        """Cancel the run of a task, and its child runs."""
        return post(TaskState, path("/v1/tasks", task_id, "cancel"), {"reason": reason or None})

    @Endpoint
    def approve(self, task_id: str, *, reason: str = "") -> Call[TaskState]:
        """Let a run begin that waits for an approval, as a policy wants; not one whose task you have sent."""
        return post(TaskState, path("/v1/tasks", task_id, "approve"), {"reason": reason or None})

    @Endpoint
    def reject(self, task_id: str, *, reason: str = "") -> Call[TaskState]:
        """End a run that waits for an approval."""
        return post(TaskState, path("/v1/tasks", task_id, "reject"), {"reason": reason or None})

    @Endpoint
    def signal(self, task_id: str, name: str, payload: Any = None) -> Call[TaskState]:
        """Send a signal to the run of a task, such as an approval; the first of a name counts."""
        return post(TaskState, path("/v1/tasks", task_id, "signals", name), {"payload": payload})

    @Listed
    def stream(self, task_id: str, *, last_event_id: str = "") -> Emits[ResultChunk | Result]:
        """Follow an answer while it is made: its pieces, each once, and then its `Result`."""
        return TaskStream(self._core, task_id, last_event_id=last_event_id).items()

    @Endpoint
    def batch(self, tasks: Iterable[Mapping[str, Any]]) -> Steps[Outcomes]:
        """Send many tasks, and return what became of each, in their order.

        A task has the fields that `create` takes. One that is refused holds up no other; those without an
        `idempotency_key` get one, so that none is sent twice when a connection breaks.
        """
        outcomes: Outcomes = []
        for lines in _requests(tasks):
            sent = 0
            while sent < len(lines):  # the gateway says where it has stopped reading
                content = b"".join(lines[sent:])
                call = Call(_outcomes, "POST", "/v1/tasks/batch", content=content, content_type=JSON_LINES)
                answer = yield from self._core.call(call)
                if not 0 < len(answer) <= len(lines) - sent:
                    raise InvalidResponseError(f"the answer has {len(answer)} lines for {len(lines) - sent} tasks")
                outcomes += [TaskOutcome({**one, "line": n}) for n, one in enumerate(answer, len(outcomes) + 1)]
                sent += len(answer)
        return outcomes

    @Listed
    def feedback(self, task_id: str, *, limit: int | None = None) -> Emits[Feedback]:
        """List the feedback on a task, oldest first."""
        return self._core.pages(path("/v1/tasks", task_id, "feedback"), Feedback, {"limit": limit})


class Results(Resource[Mode]):
    """Results of tasks."""

    @Endpoint
    def get(self, task_id: str) -> Call[Result | None]:
        """Return the result of a task, also of one that has failed; None while there is none."""
        return result_of(task_id)

    @Endpoint
    def wait(self, task_id: str, *, timeout: float | None = None) -> Steps[Result]:
        """Return the result of a task when it is there, also of one that has failed.

        Raises:
            WaitTimeoutError: it is not there within `timeout` seconds.
        """
        until = float("inf") if timeout is None else now() + timeout
        return wait_for(self._core, task_id, timeout, until)


class Runs(Resource[Mode]):
    """What runs have done."""

    @Endpoint
    def get(self, task_id: str) -> Call[RunView]:
        """Return a run step by step, with its attempts, and its result or what it waits for."""
        return get(RunView, path("/v1/runs", task_id))

    @Listed
    def list(
        self,
        *,
        workflow: str | None = None,
        tenant: str | None = None,
        status: Literal["running", "succeeded", "failed", "cancelled"] | None = None,
        children: bool | None = None,
        limit: int | None = None,
    ) -> Emits[RunSummary]:
        """List runs, newest first, with what they took."""
        query = {"workflow": workflow, "tenant": tenant, "status": status, "children": children, "limit": limit}
        return self._core.pages("/v1/runs", RunSummary, query)


def submission(
    workflow: str, inputs: Mapping[str, Any], key: str | None, options: Mapping[str, Any], wait: int = 0
) -> Call[TaskState]:
    """Return the request that sends a task."""
    body = {"workflow": workflow, "input": dict(inputs), **options}
    return post(TaskState, "/v1/tasks", body, headers=once(key), wait=wait)


def _requests(tasks: Iterable[Mapping[str, Any]]) -> Iterator[list[bytes]]:
    """Yield the lines of each request."""
    lines: list[bytes] = []
    size = 0
    for task in tasks:
        line = encoded(given({**task, "idempotency_key": task.get("idempotency_key") or once(None)["Idempotency-Key"]}))
        if lines and (len(lines) == _MOST_LINES or size + len(line) > _MOST_BYTES):
            yield lines
            lines, size = [], 0
        lines.append(line + b"\n")
        size += len(line) + 1
    if lines:
        yield lines


def _outcomes(response: Response) -> Outcomes:
    return [TaskOutcome(parsed(line)) for line in response.content.splitlines() if line]
