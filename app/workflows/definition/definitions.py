"""Compiled workflows, in all their deployed versions."""

from __future__ import annotations

from collections.abc import Iterable

from app.errors import ConfigurationError, UnknownWorkflow
from app.expressions.expression import Expression
from app.schemas import Schema
from app.suggestions import did_you_mean
from app.workflows.definition import graph
from app.workflows.definition.compiled import CompiledStep
from app.workflows.definition.spec import Workflow
from topics.tasks import Task


class Definition:
    """One version of a workflow, compiled.

    `needs` and `followers` are the graph of its steps in both directions; `stand_ins` are the steps that run
    only when another fails, `targets` those on which a decision is made; `answer` is the step whose output is
    the run's.
    """

    def __init__(self, spec: Workflow) -> None:
        """Compile `spec`.

        Raises:
            ConfigurationError: it cannot be run.
        """
        where = f"workflow {spec.id}"
        self.spec = spec
        self.steps = {name: CompiledStep(step, where=f"{where}: steps.{name}") for name, step in spec.steps.items()}
        self.stand_ins = graph.stand_ins(spec)
        self.targets = graph.targets(spec)
        self.needs = graph.needs(spec, self.steps)
        try:
            self.order = graph.order(self.needs)
        except graph.DependencyCycle as error:
            raise ConfigurationError(f"{where}: {error}") from None
        self.followers: dict[str, list[str]] = {name: [] for name in self.order}
        for name in self.order:
            for other in self.needs[name]:
                self.followers[other].append(name)
        self.answer = spec.answer or self._only_last()
        self.input = Schema(spec.input, where=f"{where}: input") if spec.input else None
        self.output = Schema(spec.output, where=f"{where}: output") if spec.output else None
        limit = spec.concurrency
        self.slot_key = Expression(limit.key, where=f"{where}: concurrency.key") if limit else None

    def _only_last(self) -> str:
        last = graph.last(self.spec, self.needs)
        if len(last) != 1:
            raise ConfigurationError(
                f"workflow {self.spec.id}: answer: say which step's output is the answer: {', '.join(last)}"
            )
        return last[0]

    def priority_of(self, task: Task) -> int:
        """Return the place of a task's run in queues: higher is sooner."""
        return self.spec.priority if task.priority is None else task.priority

    def step(self, name: str) -> CompiledStep | None:
        """Return the step called `name`; of `step[3]`, the step inside the map; None when there is no such step."""
        base, item, _ = name.partition("[")
        step = self.steps.get(base)
        return step.inner if step and item else step


class Definitions:
    """All deployed workflows by id and version, and which version of each is active."""

    def __init__(self, specs: Iterable[Workflow] = ()) -> None:
        """Compile them; the last version of each is active.

        Raises:
            ConfigurationError: one of them cannot be run.
        """
        self._all: dict[tuple[str, int], Definition | str] = {}
        self._active: dict[str, int] = {}
        for spec in sorted(specs, key=lambda spec: spec.version):
            self.put(spec)
            self.activate(spec.id, spec.version)

    def put(self, spec: Workflow) -> None:
        """Add a version; it is not active yet.

        Raises:
            ConfigurationError: it cannot be run.
        """
        self._all[spec.id, spec.version] = Definition(spec)

    def refuse(self, workflow: str, version: int, why: str) -> None:
        """Note that a version cannot be run here, so that its runs fail with this reason."""
        self._all[workflow, version] = why

    def activate(self, workflow: str, version: int) -> None:
        """Have new runs of `workflow` take this version."""
        self._active[workflow] = version

    def active(self, workflow: str) -> int | None:
        """Return the version that new runs take, if there is one."""
        return self._active.get(workflow)

    def versions(self, workflow: str) -> tuple[int, ...]:
        """Return the versions of a workflow, in order."""
        return tuple(sorted(version for id_, version in self._all if id_ == workflow))

    def latest(self, workflow: str) -> Definition:
        """Return the active version.

        Raises:
            UnknownWorkflow: there is none of this id, or it cannot be run.
        """
        if workflow not in self._active:
            raise UnknownWorkflow(f"no workflow is called {workflow}; {did_you_mean(workflow, self._active)}")
        return self.get(workflow, self._active[workflow])

    def get(self, workflow: str, version: int) -> Definition:
        """Return one version.

        Raises:
            UnknownWorkflow: it is not deployed, or cannot be run.
        """
        found = self._all.get((workflow, version))
        if found is None:
            there = ", ".join(map(str, self.versions(workflow))) or "none"
            raise UnknownWorkflow(f"the workflow {workflow} has no version {version}; there are: {there}")
        if isinstance(found, str):
            raise UnknownWorkflow(f"version {version} of the workflow {workflow} cannot be run: {found}")
        return found
