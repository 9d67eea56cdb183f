"""What a check finds, and what it is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from app.errors import ConfigurationError
from app.settings import Settings
from app.source.problems import Key
from app.workflows.definition.spec import Workflow
from app.workflows.definition.template_refs import Compiled, TemplateRef, template_refs
from topics.model_requests import Feature

#: The connectors that every worker has.
BUILT_IN = frozenset({"count_tokens", "embed", "similarity"})


#: What models can do, by their names.
Features = Mapping[str, frozenset[Feature]]


@dataclass(frozen=True, slots=True)
class Names:
    """What a workflow can name; None is not checked. With `more`, other workflows may be deployed.

    `features` are those of the models of which they are known.
    """

    models: frozenset[str] | None = None
    connectors: frozenset[str] | None = None
    workflows: frozenset[str] | None = None
    more: bool = False
    features: Features = field(default_factory=dict)
    stores: frozenset[str] | None = None

    @classmethod
    def of(
        cls,
        settings: Settings,
        *,
        workflows: frozenset[str] | None = None,
        more: bool = False,
        features: Features | None = None,
    ) -> Names:
        """Return what the settings have; `workflows` are the ids of those that are deployed."""
        connectors = frozenset(settings.connectors) | BUILT_IN
        stores = frozenset(settings.retrieval.each_store())
        return cls(frozenset(settings.models), connectors, workflows, more, features or {}, stores)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong at `key`; a workflow with only warnings can run, but hardly does what was meant."""

    key: Key
    text: str
    warning: bool = False


@dataclass(frozen=True)
class Subject:
    """A workflow to check, and the names that it can use."""

    spec: Workflow
    names: Names = field(default=Names())

    @cached_property
    def compiled(self) -> Mapping[TemplateRef, Compiled]:
        """The templates, expressions and values that are well-formed."""
        return {ref: made for ref, made in self._attempts if not isinstance(made, ConfigurationError)}

    @cached_property
    def malformed(self) -> Mapping[TemplateRef, ConfigurationError]:
        """The malformed ones, each with its error."""
        return {ref: made for ref, made in self._attempts if isinstance(made, ConfigurationError)}

    @cached_property
    def _attempts(self) -> list[tuple[TemplateRef, Compiled | ConfigurationError]]:
        return [(ref, _attempt(ref)) for ref in template_refs(self.spec)]


def _attempt(ref: TemplateRef) -> Compiled | ConfigurationError:
    try:
        return ref.compiled()
    except ConfigurationError as error:
        return error
