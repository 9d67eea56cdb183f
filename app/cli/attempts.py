"""The requests of a run, each with its answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from app.cli.history import Answer, History, Request, Seen
from app.cli.story import Attempt, Work, moment
from app.workflows.kinds.promises import first_of
from topics.model_requests import ModelRequest
from topics.model_responses import ModelResponse
from topics.retrieval_requests import RetrievalRequest
from topics.retrieval_results import RetrievalResult
from topics.step_results import StepResult


@dataclass(frozen=True, slots=True)
class Tail:
    """The end of a request's id: the number of the step's attempt, and of the repair of an answer in it."""

    number: int = 1
    repair: int = 0

    @classmethod
    def of(cls, request_id: str) -> Tail:
        """Return what `…/2` or `…/1.2` says; of an answer that is asked for again, as by `…/2~5`, what `…/2` does."""
        number, _, repair = request_id.rpartition("/")[2].partition("~")[0].partition(".")
        return cls(_count(number, 1), _count(repair, 0))


def attempts(history: History) -> dict[str, list[Attempt]]:
    """Return the attempts of each step, in order of their beginning."""
    found: dict[str, list[Attempt]] = {}
    for step, attempt in _all(history):
        found.setdefault(step, []).append(attempt)
    return found


def _all(history: History) -> Iterator[tuple[str, Attempt]]:
    for request, answer in _asked_once(history):
        yield request.event.step, _attempt(request, answer)
    # The task of a child run lies in a partition of its own: here, only its answer is seen, or that it is awaited.
    for request_id, answer in history.answers.items():
        if request_id not in history.requests and isinstance(answer.event, StepResult) and answer.event.step:
            yield answer.event.step, _child(request_id, answer)
    for step, request_id in _unseen(history):
        yield step, _child(request_id, None)


def _asked_once(history: History) -> Iterator[tuple[Seen[Request], Seen[Answer] | None]]:
    """Yield each request with its answer; all that ask for one answer out of a batch are one, which that ends."""
    first: dict[str, Seen[Request]] = {}
    answers: dict[str, Seen[Answer] | None] = {}
    for request_id, request in history.requests.items():
        name = first_of(request_id)
        first.setdefault(name, request)
        answer = history.answers.get(request_id)
        pending = answer is not None and isinstance(answer.event, ModelResponse) and answer.event.ticket is not None
        answers[name] = answers.get(name) or (None if pending else answer)
    for name, request in first.items():
        yield request, answers[name]


def _unseen(history: History) -> Iterator[tuple[str, str]]:
    steps = history.run.steps if history.run else {}
    for name, step in steps.items():
        asked = step.outstanding.difference(step.promised, history.requests, history.answers)
        for request_id in sorted(asked):
            yield name, request_id


def _attempt(request: Seen[Request], answer: Seen[Answer] | None) -> Attempt:
    event, tail = request.event, Tail.of(request.event.id)
    work, name, branch = _what(event)
    made = Attempt(
        id=event.id,
        work=work,
        name=name,
        branch=branch,
        batch=isinstance(event, ModelRequest) and event.batch,
        number=event.attempt if isinstance(event, ModelRequest) else tail.number,
        repair=tail.repair,
        at=moment(request.at),
    )
    return _answered(made, answer) if answer else made


def _what(event: Request) -> tuple[Work, str, str]:
    match event:
        case ModelRequest(purpose="fusion"):
            return "fusion", event.model, event.branch
        case ModelRequest():
            return "model", event.model, event.branch
        case RetrievalRequest():
            return "retrieval", event.collection, ""
        case _:
            return "connector", event.connector, ""


def _child(request_id: str, answer: Seen[Answer] | None) -> Attempt:
    made = Attempt(id=request_id, work="workflow", name=request_id, number=Tail.of(request_id).number)
    if answer is None:
        return made
    begun = moment(answer.at - answer.event.seconds) if answer.event.seconds else None
    return _answered(made.model_copy(update={"at": begun}), answer)


def _answered(attempt: Attempt, answer: Seen[Answer]) -> Attempt:
    event = answer.event
    changes: dict[str, Any] = {"until": moment(answer.at), "seconds": event.seconds, "error": event.error}
    match event:
        case ModelResponse():
            names = ("tries", "usage", "finish_reason", "cached", "text")
            changes |= {name: getattr(event, name) for name in names}
        case RetrievalResult():
            changes |= {"found": len(event.chunks)}
        case StepResult():
            changes |= {"usage": event.usage, "cached": event.cached}
    return attempt.model_copy(update=changes)


def _count(text: str, otherwise: int) -> int:
    return int(text) if text.isdecimal() else otherwise
