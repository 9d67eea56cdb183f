"""Read the events of one run from the topics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import aclosing
from typing import Any

from app.client import topic_ranges
from app.client.client import Client
from app.runs.history import Answer, Recorded, Request, RunHistory
from app.settings import Settings
from app.workflows.records import Assembler
from app.workflows.run import Run
from topics import (
    DEFINITIONS,
    MODEL_REQUESTS,
    MODEL_RESPONSES,
    RESULTS,
    RETRIEVAL_REQUESTS,
    RETRIEVAL_RESULTS,
    SIGNALS,
    STEP_REQUESTS,
    STEP_RESULTS,
    TASKS,
)
from topics.base import Event, Topic
from topics.definitions import DefinitionEvent
from topics.results import Result
from topics.signals import Signal
from topics.tasks import Task, id_of_key, task_id

_REQUESTS = (RETRIEVAL_REQUESTS, MODEL_REQUESTS, STEP_REQUESTS)
_ANSWERS = (RETRIEVAL_RESULTS, MODEL_RESPONSES, STEP_RESULTS)
_EVENTS: tuple[Topic[Any], ...] = (TASKS, *_REQUESTS, *_ANSWERS, SIGNALS, RESULTS)
# An id may have been used by an older run; the clocks of two workers differ by less than this.
_CLOCK_SKEW = 5.0


def runs_topic(settings: Settings) -> Topic[Any]:
    """Return the topic with the state of runs; only its name is used, since its records are not events."""
    return Topic(f"{settings.app_id}-runs", Event, "", "task id, or task id and step", "", compacted=True)


async def read(client: Client, task_id: str, *, since: float | None = None) -> RunHistory:
    """Return the history of a run, in one pass over the topics; `since` is when its task was sent, if that is known.

    Raises:
        BrokerError: there are no topics, or the broker fails.
    """
    topics = (*_EVENTS, runs_topic(client.settings))
    moment = None if since is None else since - _CLOCK_SKEW
    collecting = _HistoryBuilder(task_id, client.settings)
    async with aclosing(
        topic_ranges.iterate_run(client, task_id, topics, whole=[DEFINITIONS], since=moment)
    ) as records:
        async for record in records:
            collecting.add(record)
    return collecting.history()


def collect(task_id: str, records: Iterable[Any], settings: Settings) -> RunHistory:
    """Return the history of a run from raw records, which may include other runs; invalid events are skipped."""
    collecting = _HistoryBuilder(task_id, settings)
    for record in records:
        collecting.add(record)
    return collecting.history()


class _HistoryBuilder:
    """Sorts the raw records of one run by type."""

    def __init__(self, task_id: str, settings: Settings) -> None:
        self._id, self._key = task_id, task_id.encode()
        prefix = settings.topics.prefix
        self._topics = {prefix + topic.name: topic for topic in (*_EVENTS, DEFINITIONS)}
        self._runs = prefix + runs_topic(settings).name
        self._assembler = Assembler()
        self._seen: list[Recorded[Any]] = []
        self._definitions: dict[tuple[str, int], DefinitionEvent] = {}

    def add(self, record: Any) -> None:
        """Add a record if it belongs to this run or is a definition."""
        if record.topic == self._runs:
            if record.key is not None and record.key.split(b"\t")[0] == self._key:
                self._assembler.add(record.key.decode(), record.value)
            return
        topic = self._topics[record.topic]
        # Tasks and signals may have no key, or one that is no id; events of other runs are not parsed.
        loose = (topic is TASKS or topic is SIGNALS) and id_of_key(record.key) is None
        if topic is DEFINITIONS or record.key == self._key or loose:
            self._take(record, topic)

    def _take(self, record: Any, topic: Topic[Any]) -> None:
        if (event := topic.event_in(record)) is None:
            return  # it is a dead letter and belongs to no run
        if isinstance(event, DefinitionEvent):
            if event.spec is not None:
                self._definitions[event.workflow, event.version] = event
        elif (task_id(event, record) if isinstance(event, Task) else event.task_id) == self._id:
            self._seen.append(Recorded(event, record.timestamp / 1000))

    def history(self) -> RunHistory:
        """Return the history of what was added."""
        state = self._assembler.states().get(self._id)
        run = state if isinstance(state, Run) else None
        result = self._last(Result)
        begin = run.accepted_at if run else result.event.accepted_at.timestamp() if result else 0.0
        if run and result and result.at < begin:
            result = None
        self._seen = [one for one in self._seen if isinstance(one.event, Task) or one.at > begin - _CLOCK_SKEW]
        return RunHistory(
            task_id=self._id,
            task=self._task(begin),
            requests=self._by_id(Request),
            answers=self._by_id(Answer),
            signals=tuple(self._all(Signal)),
            result=result,
            run=None if result else run,
            spec=self._spec(result, run),
        )

    def _spec(self, result: Recorded[Result] | None, run: Run | None) -> Mapping[str, Any]:
        if result:
            place = (result.event.workflow, result.event.workflow_version)
        elif run:
            place = (run.task.workflow, run.version)
        else:
            return {}
        found = self._definitions.get(place)
        return (found.spec or {}) if found else {}

    def _task(self, begin: float) -> Recorded[Task] | None:
        """Return the task of a run that began then: one of the same id that came later is not what it did."""
        found = self._all(Task)
        before = [one for one in found if not begin or one.at <= begin] or found[:1]
        return before[-1] if before else None

    def _all(self, kind: Any) -> list[Recorded[Any]]:
        return sorted((one for one in self._seen if isinstance(one.event, kind)), key=lambda one: one.at)

    def _last(self, kind: Any) -> Recorded[Any] | None:
        found = self._all(kind)
        return found[-1] if found else None

    def _by_id(self, kind: Any) -> dict[str, Recorded[Any]]:
        found: dict[str, Recorded[Any]] = {}
        for one in self._all(kind):
            found.setdefault(one.event.id, one)  # a duplicate adds nothing
        return found
