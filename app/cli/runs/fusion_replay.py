"""Re-run fusion on the recorded answers of a run with another strategy, without calling models."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from app.cli.runs.comparison import Comparison, FusionSummary
from app.errors import ConfigurationError, InvalidEvent, MissingDependency
from app.runs.history import Recorded, RunHistory
from app.suggestions import did_you_mean
from topics.model_requests import ModelRequest
from topics.model_responses import ModelResponse
from topics.results import Result

if TYPE_CHECKING:
    from app.fusion.base import Candidate, Fused


def fuse(history: RunHistory, step: str | None, strategy: str, options: Mapping[str, Any]) -> Comparison:
    """Fuse the answers in `step` again; by default in the only step with answers, or in that of the result's answer.

    Raises:
        ConfigurationError: there is no such step, strategy or option, or the strategy calls models.
        MissingDependency: the fusion needs the server's packages.
    """
    answers = _answers(history)
    name = _step(history, answers, step)
    try:
        fused = _fuse(answers[name], strategy, options)
    except ImportError:
        raise MissingDependency('pip install "meta-ai-orchestrator[server]"') from None
    result = history.result.event if history.result else None
    return Comparison(
        task_id=history.task_id,
        step=name,
        candidates=tuple(one.branch for one in answers[name]),
        recorded=_recorded(result) if result and _matches(result, answers[name]) else None,
        again=_replayed(strategy, fused),
    )


def parse_option(text: str) -> tuple[str, JsonValue]:
    """Return the name and the value of `name=value`; the value is parsed as JSON, or else taken as text.

    Raises:
        ConfigurationError: it has no `=`.
    """
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise ConfigurationError(f"--option {text}: must be name=value, as in threshold=0.8")
    try:
        return name, json.loads(value)
    except (ValueError, RecursionError):
        return name, value


def _answers(history: RunHistory) -> dict[str, list[ModelResponse]]:
    """Return for each step the usable answers of its last attempt, the last one of each branch."""
    numbers: dict[str, int] = {}
    for request in _requests(history):
        numbers[request.step] = max(request.attempt, numbers.get(request.step, 1))
    found: dict[str, dict[str, ModelResponse]] = {}
    for request in _requests(history):
        answer: Recorded[Any] | None = history.answers.get(request.id)
        if answer and answer.event.error is None and request.attempt == numbers[request.step]:
            found.setdefault(request.step, {})[request.branch] = answer.event
    return {step: list(branches.values()) for step, branches in found.items()}


def _requests(history: RunHistory) -> list[ModelRequest]:
    events = (seen.event for seen in history.requests.values())
    return [event for event in events if isinstance(event, ModelRequest) and event.purpose == "answer"]


def _step(history: RunHistory, answers: Mapping[str, Sequence[ModelResponse]], wanted: str | None) -> str:
    if wanted is not None and wanted in answers:
        return wanted
    there = ", ".join(answers)
    if wanted is not None or not answers:
        step = f"of step {wanted} " if wanted else ""
        hint = f"; {did_you_mean(wanted, answers)}" if wanted and answers else ""
        raise ConfigurationError(f"no answers {step}are recorded in {history.task_id}{hint}")
    result = history.result.event if history.result else None
    fitting = [name for name, said in answers.items() if len(answers) == 1 or (result and _matches(result, said))]
    if len(fitting) != 1:
        raise ConfigurationError(f"{history.task_id} has answers in several steps; name one with --step: {there}")
    return fitting[0]


def _matches(result: Result, answers: Sequence[ModelResponse]) -> bool:
    """Whether the candidates of the result are these answers, some of which may have been late."""
    listed = {(one.branch, one.model, one.text) for one in result.candidates if one.error is None}
    return bool(listed) and listed <= {(one.branch, one.model, one.text) for one in answers}


def _recorded(result: Result) -> FusionSummary:
    return FusionSummary(
        strategy=result.fusion,
        chosen=next((one.branch for one in result.candidates if one.chosen), ""),
        agreement=result.agreement,
        confidence=result.confidence,
        groups=result.groups,
        reason=result.reason,
        answer=result.answer,
    )


def _replayed(strategy: str, fused: Fused) -> FusionSummary:
    return FusionSummary(
        strategy=strategy,
        chosen=fused.branch,
        agreement=fused.agreement,
        confidence=fused.confidence,
        groups=fused.groups,
        reason=fused.reason,
        answer=fused.text if fused.data is None else fused.data,
    )


def _fuse(answers: Sequence[ModelResponse], strategy: str, options: Mapping[str, Any]) -> Fused:
    from app.fusion import registry  # noqa: PLC0415  # it loads numpy, which only the server has
    from app.fusion.base import Calls, Panel  # noqa: PLC0415  # likewise

    candidates = [_candidate(answer) for answer in answers]
    outcome = registry.get(strategy, options).fuse(Panel(candidates, [one.branch for one in candidates]))
    if isinstance(outcome, Calls):
        raise ConfigurationError(f"{strategy} needs a model, but recorded answers are fused without one")
    return outcome


def _candidate(answer: ModelResponse) -> Candidate:
    from app.fusion.base import Candidate  # noqa: PLC0415  # likewise
    from app.vectors import decode  # noqa: PLC0415  # likewise

    try:
        embedding = decode(answer.embedding) if answer.embedding else None
    except InvalidEvent:
        embedding = None  # as in the run itself: the answer counts even without its embedding
    return Candidate(answer.branch, answer.text, embedding, answer.model, _data(answer.text))


def _data(text: str) -> JsonValue:
    """Return an answer that is a JSON object or list as such."""
    try:
        found: JsonValue = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict | list) else None
