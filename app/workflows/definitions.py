"""Workflows made ready to run: templates compiled, strategies and policies looked up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from app import routing
from app.errors import UnknownWorkflow
from app.fusion import registry as fusion
from app.fusion.base import Strategy
from app.routing.base import Policy
from app.workflows.prompts import Prompt
from app.workflows.spec import AskStep, RetrieveStep, Workflow


class Definition:
    """One workflow, ready to run."""

    def __init__(self, spec: Workflow) -> None:
        """Compile `spec`.

        Raises:
            ConfigurationError: a template is malformed, or a strategy or policy is unknown.
        """
        self.spec = spec
        self.order = spec.order()
        self.prompts: dict[tuple[str, str], Prompt] = {}
        self.strategies: dict[str, Strategy] = {}
        self.policies: dict[str, Policy] = {}
        for name, step in spec.steps.items():
            self._compile(name, step)

    def _compile(self, name: str, step: RetrieveStep | AskStep) -> None:
        templates = (
            {"query": step.query} if isinstance(step, RetrieveStep) else {"prompt": step.prompt, "system": step.system}
        )
        for field, source in templates.items():
            if source is not None:
                where = f"workflow {self.spec.id}: steps.{name}.{field}"
                self.prompts[name, field] = Prompt(source, where=where)
        if isinstance(step, AskStep):
            self.strategies[name] = fusion.get(step.fusion.strategy)
            self.policies[name] = routing.get(step.routing.policy)


class Definitions:
    """All deployed workflows, by id and version."""

    def __init__(self, specs: Iterable[Workflow]) -> None:
        """Compile them.

        Raises:
            ConfigurationError: one of them cannot be run.
        """
        self._all: Mapping[tuple[str, int], Definition] = {(spec.id, spec.version): Definition(spec) for spec in specs}
        self._latest = dict(sorted(self._all))

    def latest(self, workflow: str) -> Definition:
        """Return the newest version.

        Raises:
            UnknownWorkflow: there is none of this id.
        """
        if workflow not in self._latest:
            raise UnknownWorkflow(f"no workflow is called {workflow}; there are {', '.join(sorted(self._latest))}")
        return self._all[workflow, self._latest[workflow]]

    def get(self, workflow: str, version: int) -> Definition:
        """Return the version that a run began with, or the newest if that one is gone.

        Raises:
            UnknownWorkflow: there is none of this id.
        """
        return self._all.get((workflow, version)) or self.latest(workflow)
