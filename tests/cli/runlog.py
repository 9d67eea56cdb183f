"""Topics as a run leaves them: events that a test makes itself, as the raw records that a consumer gives."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from app.brokers.topics import InternalTopic, ensure_topics
from app.client.client import Client
from app.partitioner import partition_of
from app.runs.history import RunHistory
from app.runs.history_reader import collect, runs_topic
from app.runs.run_view import build_run_view
from app.runs.views import RunView
from app.settings import Settings
from app.workflows.records import records
from app.workflows.run import Run
from topics import (
    MODEL_REQUESTS,
    MODEL_RESPONSES,
    RESULTS,
    RETRIEVAL_REQUESTS,
    RETRIEVAL_RESULTS,
    STEP_REQUESTS,
    STEP_RESULTS,
    TASKS,
)
from topics.base import Event, Failure, Topic
from topics.model_requests import Message, ModelRequest
from topics.model_responses import ModelResponse, Usage
from topics.results import Candidate, Result, StepReport
from topics.retrieval_requests import RetrievalRequest
from topics.retrieval_results import Chunk, PlannedChunk, RetrievalResult
from topics.step_requests import StepRequest
from topics.step_results import StepResult
from topics.tasks import Task

START = 1_768_464_000.0
SETTINGS = Settings()


async def publish(client: Client, log: Log) -> None:
    """Put the records where a run's are: in the partition of its id."""
    runs = InternalTopic(client.full_name(runs_topic(client.settings)), compacted=True)
    await ensure_topics(client.connection, client.settings.topics, [runs])
    home = partition_of(log.task_id, client.settings.topics.partitions)
    for record in log.records:
        full = client.settings.topics.prefix + record.topic
        await (await client.put(full, record.key, record.value, [], home))


class Log:
    """Collects records; times are seconds from the start of the run."""

    def __init__(self, task_id: str = "q-1") -> None:
        self.task_id = task_id
        self.records: list[Any] = []

    def put(self, topic: Topic[Any], event: Event, at: float) -> None:
        """Append an event under the task id."""
        self.raw(topic.name, self.task_id.encode(), event.to_json(), at)

    def raw(self, topic: str, key: bytes | None, value: bytes | None, at: float) -> None:
        place = {"partition": 3, "offset": len(self.records)}
        self.records.append(
            SimpleNamespace(topic=topic, key=key, value=value, timestamp=round((START + at) * 1000), **place)
        )

    def task(self, at: float = 0.0, **fields: Any) -> None:
        self.put(TASKS, Task(id=self.task_id, input={"question": "why?"}, **fields), at)

    def retrieval(
        self, at: float, until: float | None, step: str = "retrieve", plan: tuple[PlannedChunk, ...] | None = None
    ) -> None:
        request_id = f"{self.task_id}/{step}/1"
        request = RetrievalRequest(id=request_id, task_id=self.task_id, step=step, query="why?")
        self.put(RETRIEVAL_REQUESTS, request, at)
        if until is not None:
            chunk = Chunk(id="c", document_id="d", source="d.md", lines=(1, 2), text="because")
            event = RetrievalResult(id=request_id, task_id=self.task_id, step=step, chunks=(chunk,), seconds=until - at)
            found = event.model_copy(update={"plan": plan})
            self.put(RETRIEVAL_RESULTS, found, until)

    def model(
        self, step: str, branch: str, attempt: str, at: float, until: float | None = None, **answer: Any
    ) -> ModelResponse | None:
        """Ask the model of the branch, and have it answer at `until`."""
        purpose = answer.pop("purpose", "answer")
        middle = f"fusion/{branch}" if purpose == "fusion" else branch
        names = {"id": f"{self.task_id}/{step}/{middle}/{attempt}", "task_id": self.task_id, "step": step}
        names |= {"branch": branch, "model": answer.pop("model", branch), "purpose": purpose}
        number = int(attempt.partition(".")[0])
        asked = (Message(role="user", content="why?"),)
        self.put(MODEL_REQUESTS, ModelRequest.model_validate({**names, "attempt": number, "messages": asked}), at)
        if until is None:
            return None
        response = ModelResponse.model_validate({**names, "seconds": until - at, **answer})
        self.put(MODEL_RESPONSES, response, until)
        return response

    def connector(self, step: str, at: float, until: float | None, attempt: int = 1, **answer: Any) -> None:
        request_id = f"{self.task_id}/{step}/{attempt}"
        self.put(STEP_REQUESTS, StepRequest(id=request_id, task_id=self.task_id, step=step, connector="tickets"), at)
        if until is not None:
            self.answer(request_id, step, until, seconds=until - at, **answer)

    def answer(self, request_id: str, step: str, at: float, **answer: Any) -> None:
        self.put(STEP_RESULTS, StepResult(id=request_id, task_id=self.task_id, step=step, **answer), at)

    def state(self, run: Run) -> None:
        for key, value in records(run.task_id, run, None):
            self.raw("meta-ai-runs", key.encode(), value, 0.0)

    def result(
        self, until: float, steps: Sequence[StepReport] = (), answers: Sequence[ModelResponse] = (), **fields: Any
    ) -> None:
        """Put the result; the first of the answers was chosen."""
        candidates = tuple(candidate(one, chosen=place == 0) for place, one in enumerate(answers))
        given = {"status": "succeeded", "answer": answers[0].text if answers else None, "candidates": candidates}
        times = {"accepted_at": moment(0.0), "finished_at": moment(until)}
        names = {"task_id": self.task_id, "workflow": "ask", "steps": tuple(steps)}
        self.put(RESULTS, Result.model_validate({**names, **given, **times, **fields}), until)

    def history(self) -> RunHistory:
        return collect(self.task_id, self.records, SETTINGS)

    def view(self, at: float = 100.0) -> RunView:
        return build_run_view(self.history(), START + at)


def moment(at: float) -> datetime:
    return datetime.fromtimestamp(START + at, UTC)


def candidate(response: ModelResponse, *, chosen: bool) -> Candidate:
    names = ("branch", "model", "text", "usage", "seconds", "error")
    return Candidate.model_validate({**{name: getattr(response, name) for name in names}, "chosen": chosen})


def report(step: str, kind: str, at: float | None, seconds: float, **fields: Any) -> StepReport:
    times = {"seconds": seconds, "started_at": None if at is None else moment(at)}
    return StepReport.model_validate({"step": step, "kind": kind, "status": "succeeded", **times, **fields})


def answered() -> Log:
    """Return the log of a run of many kinds of steps that succeeded after 4 seconds."""
    log = Log()
    log.task()
    log.retrieval(0.1, 0.2)
    one = log.model("answer", "one", "1", 0.3, 1.3, text="Because.", finish_reason="stop", tries=2, usage=_usage(0.01))
    two = log.model("answer", "two", "1", 0.3, 0.5, error=Failure(code="timeout", message="no answer [in] time"))
    log.model("answer", "three", "1", 0.3, 3.9, text="Too late.")
    log.model("answer", "four", "1", 0.3, 0.6, text="no JSON")
    four = log.model("answer", "four", "1.1", 0.6, 0.9, text="{}", cached=True)
    log.model("answer", "judge-1", "1", 1.4, 1.9, text="A", model="judge", purpose="fusion")
    log.connector("notes[0]", 2.0, 2.1, error=Failure(code="connector", message="down"))
    log.connector("notes[0]", 2.2, 2.3, attempt=2)
    log.connector("notes[1]", 2.0, 2.4)
    log.answer("q-1/child/1", "child", 3.5, output="done", seconds=1.0)
    steps = [
        report("retrieve", "retrieve", 0.1, 0.11),
        report("route", "decide", 0.25, 0.0, reason="took long"),
        report("answer", "ask", 0.3, 1.65, reason="asked all four. nearest by meaning"),
        report("notes", "map", 2.0, 0.41),
        report("child", "workflow", 2.45, 1.06),
        report("never", "ask", None, 0.0, status="skipped", reason="route took long"),
    ]
    said = [answer for answer in (one, two, four) if answer]
    facts = {"fusion": "best-of-n", "agreement": 0.5, "groups": (("one",), ("four",)), "reason": "the judge said so"}
    log.result(4.0, steps, said, usage=_usage(0.01), **facts)
    return log


def _usage(cost: float) -> Usage:
    return Usage(input_tokens=1200, output_tokens=34, cost=cost)
