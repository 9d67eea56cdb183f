"""Which workflows are deployed, as the topic `definitions` says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from pydantic import JsonValue, ValidationError

from app.client.client import Client
from app.errors import ConfigurationError, MissingDependency
from app.gateway.problems import Refusal
from app.gateway.views.topic_view import TopicView
from app.partitioner import partition_of
from app.suggestions import did_you_mean
from app.workflows.definition.definitions import Definition
from app.workflows.definition.spec import Workflow
from topics import DEFINITIONS
from topics.definitions import DefinitionEvent

Spec = Mapping[str, JsonValue]


class Catalog(TopicView[DefinitionEvent]):
    """The specs of the active versions, `built_in` ones included."""

    def __init__(self, client: Client, built_in: Mapping[str, Spec]) -> None:
        super().__init__(client, DEFINITIONS, "the workflows")
        self._versions: dict[str, dict[int, Spec]] = {}
        self._active: dict[str, Spec] = dict(built_in)
        self._partitions = client.settings.topics.partitions
        self._answers: dict[str, tuple[Spec, str]] = {}

    @property
    def workflows(self) -> Mapping[str, Spec]:
        """The spec of the active version of each workflow."""
        return self._active

    def versions(self, workflow: str) -> tuple[int, ...]:
        """Return the versions of a workflow that are deployed, in order; a built-in one is version 1."""
        return tuple(sorted(self._versions.get(workflow, (1,))))

    def spec(self, workflow: str, version: int) -> Spec | None:
        """Return a version of a workflow, if it is deployed, or built in."""
        if workflow in self._versions:
            return self._versions[workflow].get(version)
        return self._active.get(workflow) if version == 1 else None

    async def check_signal(self, workflow: str, name: str) -> None:
        """Return if a step of a workflow waits for a signal of this name, in any version: runs keep theirs.

        Raises:
            Refusal: none does.
            BrokerError: the broker does not say in time.
        """
        if name in self._signals(workflow):
            return
        await self.read_all()
        if name not in (names := self._signals(workflow)):
            hint = did_you_mean(name, names, "known signals:") if names else "it uses no signals"
            text = f"no step of the workflow {workflow} waits for a signal {name}; {hint}"
            raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "unknown_signal", text)

    def answer_step(self, workflow: str) -> str:
        """Return the step whose answer is that of the active version; empty if this gateway cannot tell."""
        spec = self._active[workflow]
        known = self._answers.get(workflow)
        if known is None or known[0] is not spec:
            known = self._answers[workflow] = (spec, _answer_step(spec))
        return known[1]

    async def check_workflow(self, workflow: str, allowed: Callable[[str], bool]) -> None:
        """Return if a workflow is deployed, even if that was only a moment ago; `allowed` are those that may be told.

        Raises:
            Refusal: it is not.
            BrokerError: the broker does not say in time.
        """
        if workflow in self._active:
            return
        await self.read_all()
        if workflow not in self._active:
            known = ", ".join(sorted(filter(allowed, self._active))) or "none"
            text = f"no workflow is called {workflow}; there are {known}; deploy it, or name another"
            raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "unknown_workflow", text)

    def _signals(self, workflow: str) -> frozenset[str]:
        steps = [step for spec in self._versions.get(workflow, {}).values() for step in _steps(spec)]
        return frozenset(name for step in steps if isinstance(name := step.get("signal"), str))

    def _take(self, event: DefinitionEvent, record: Any) -> None:
        if record.partition != partition_of(event.workflow, self._partitions):
            return  # the agent `deploy` sends it there
        versions = self._versions.setdefault(event.workflow, {})
        if event.kind == "version":
            versions.setdefault(event.version, event.spec or {})
        elif event.version in versions:
            self._active[event.workflow] = versions[event.version]


def _answer_step(spec: Spec) -> str:
    if isinstance(name := spec.get("answer"), str):
        return name
    with suppress(ValidationError, ConfigurationError, MissingDependency):  # it is older, or lacks a component
        return Definition(Workflow.model_validate(spec)).answer
    return ""


def _steps(spec: Spec) -> list[Mapping[str, JsonValue]]:
    steps = spec.get("steps")
    return [step for step in steps.values() if isinstance(step, Mapping)] if isinstance(steps, Mapping) else []
