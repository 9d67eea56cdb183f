"""Prompt templates: Jinja2, sandboxed, with unknown names refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jinja2 import Template, TemplateError, meta, nodes

from app.errors import ConfigurationError, PromptError
from app.workflows.templates import limits
from app.workflows.templates.messages import refuse_other_templates, syntax_error
from app.workflows.templates.never_data import NeverData
from app.workflows.templates.sandbox import Sandbox, with_methods
from app.workflows.templates.text import NotData

_ENVIRONMENT = Sandbox()


class Prompt:
    """One compiled template.

    `roots` are the names that it uses of the context, `paths` where it goes on from them by name, and `steps`
    those in `steps.<name>`.
    """

    def __init__(self, source: str, *, where: str) -> None:
        """Compile `source`; `where` names it in errors.

        Raises:
            ConfigurationError: the template is malformed, or does not say which step it means.
        """
        self._where = where
        try:
            tree = _ENVIRONMENT.parse(source)
            refuse_other_templates(tree)
            self.roots = frozenset(meta.find_undeclared_variables(tree)) - _ENVIRONMENT.globals.keys()
            self.paths = frozenset(path for path in _paths(tree) if path[0] in self.roots)
            with limits.bounded():  # constants are computed now
                NeverData(tree, _ENVIRONMENT.globals).refuse()
                self._template: Template = _ENVIRONMENT.from_string(with_methods(limits.counted(tree)))
            # Copied at each rendering, which takes twenty times as long of the chain of mappings that Jinja makes.
            self._template.globals = dict(self._template.globals)
        except TemplateError as error:
            said = syntax_error(error, _ENVIRONMENT.filters, _ENVIRONMENT.tests)
            raise ConfigurationError(f"{where}: {said}") from None
        except NotData as error:
            raise ConfigurationError(f"{where}: {error}") from None
        if ("steps",) in self.paths:
            raise ConfigurationError(f"{where}: name the step, as in `steps.answer.output`")
        self.steps = frozenset(path[1] for path in self.paths if path[0] == "steps")

    def render(self, context: Mapping[str, Any]) -> str:
        """Return the text for this context.

        Raises:
            NotData: it inserts what is not data.
            PromptError: it names what the context has not, does what the sandbox forbids, or too much.
        """
        try:
            with limits.bounded():
                return self._template.render(context).strip()
        except Exception as error:  # noqa: BLE001  # a filter on a wrong type raises anything
            kind = NotData if isinstance(error, NotData) else PromptError
            raise kind(f"{self._where}: {error}") from None


def _paths(tree: nodes.Node) -> Iterator[tuple[str, ...]]:
    """Yield every way by names, as in `steps.answer.output`, that does not go on."""
    called = {id(call.node) for call in tree.find_all(nodes.Call)}
    inner = {id(_owner(found)) for found in tree.find_all((nodes.Getattr, nodes.Getitem)) if _name(found) is not None}
    for found in tree.find_all((nodes.Name, nodes.Getattr, nodes.Getitem)):
        if id(found) not in inner and (path := _path(found)):
            yield path[:-1] if id(found) in called and len(path) > 1 else path


def _path(node: nodes.Node) -> tuple[str, ...]:
    if isinstance(node, nodes.Name):
        return (node.name,)
    name, owner = _name(node), _owner(node)
    above = _path(owner) if owner and name is not None else ()
    return (*above, str(name)) if above else ()


def _owner(node: nodes.Node) -> nodes.Node | None:
    return node.node if isinstance(node, nodes.Getattr | nodes.Getitem) else None


def _name(node: nodes.Node) -> str | None:
    if isinstance(node, nodes.Getattr):
        return node.attr
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
        return node.arg.value
    return None
