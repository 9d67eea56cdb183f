"""Prompt templates: Jinja2, sandboxed, with unknown names refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from jinja2 import StrictUndefined, Template, TemplateError, meta, nodes
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import BaseModel

from app.errors import ConfigurationError, PromptError
from app.workflows import template_limits as limits


def as_json(value: Any, indent: int | None = None) -> str:
    """Return `value` as JSON, the filter `json`: unlike `tojson`, with nothing escaped for HTML."""
    return json.dumps(value, ensure_ascii=False, indent=indent, default=_fields)


def _fields(value: object) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} has no JSON")


class _Missing(StrictUndefined):
    """Says what to do about a name that is not there."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        if self._undefined_hint:
            return self._undefined_hint
        return f"there is no `{self._undefined_name}`; give a stand-in, as in {{{{ name | default('none') }}}}"


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja2's sandbox, closed where our data would open it, bounded, and without chance: a replay renders the same."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self) -> None:
        super().__init__(undefined=_Missing, trim_blocks=True, lstrip_blocks=True, finalize=limits.written)
        del self.globals["lipsum"], self.filters["random"]
        self.filters |= {"json": as_json, limits.SIZED: limits.sized}
        for table in (self.filters, self.tests):
            table.update({name: limits.guarded(name, cast("Callable[..., Any]", call)) for name, call in table.items()})
        self.filters[limits.TURN] = limits.count_turn

    def call(self, context: Context, called: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call what a template calls, with its operands and its outcome counted."""
        limits.turn()
        owner = getattr(called, "__self__", None)
        limits.before(getattr(called, "__name__", ""), args if owner is None else (owner, *args), kwargs)
        made = super().call(context, called, *args, **kwargs)
        limits.handle(limits.size(made))
        return made

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Compute what may be larger than its operands."""
        limits.operate(operator, left, right)
        return super().call_binop(context, operator, left, right)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Show of a pydantic model its fields only: its methods can read files, and unpickle."""
        hidden = isinstance(obj, BaseModel) and attr not in type(obj).model_fields
        return not hidden and super().is_safe_attribute(obj, attr, value)


_ENVIRONMENT = _Sandbox()


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
            self.roots = frozenset(meta.find_undeclared_variables(tree)) - _ENVIRONMENT.globals.keys()
            self.paths = frozenset(path for path in _paths(tree) if path[0] in self.roots)
            with limits.bounded():  # constants are computed now
                self._template: Template = _ENVIRONMENT.from_string(limits.counted(tree))
            # Copied at each rendering, which takes twenty times as long of the chain of mappings that Jinja makes.
            self._template.globals = dict(self._template.globals)
        except TemplateError as error:
            raise ConfigurationError(f"{where}: {error}") from None
        if ("steps",) in self.paths:
            raise ConfigurationError(f"{where}: name the step, as in `steps.answer.output`")
        self.steps = frozenset(path[1] for path in self.paths if path[0] == "steps")

    def render(self, context: Mapping[str, Any]) -> str:
        """Return the text for this context.

        Raises:
            PromptError: it names what the context has not, does what the sandbox forbids, or too much.
        """
        try:
            with limits.bounded():
                return self._template.render(context).strip()
        except Exception as error:  # noqa: BLE001  # a filter on a wrong type raises anything
            raise PromptError(f"{self._where}: {error}") from None


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
