"""Jinja2's sandbox for prompts: a name that is read is data, a name that is called is a method.

Jinja looks for an attribute before it looks into a mapping, so that `input.values` is a method whatever the task says.
Here every look-up, of templates, filters, tests and formats, goes one way: what is read is found among the data alone,
and only what is called is looked for among the methods.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, cast

from jinja2 import StrictUndefined, Undefined, nodes, pass_context, pass_environment
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import BaseModel

from app.suggestions import closest_match
from app.workflows.templates import limits, text

#: The filter that stands for the method of a call; no template can spell it.
METHOD = "method!"
#: Data that have no names; of tuples, the groups of `groupby` have.
_NAMELESS = (str, int, float, list, tuple, type(None))
#: A mapping with more names is not searched for the one that was meant.
_MOST_NAMES = 100


class _Missing(StrictUndefined):
    """Says what to do about a name that is not there."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        name, owner = self._undefined_name, self._undefined_obj
        if self._undefined_hint:
            return self._undefined_hint
        if owner is None:
            return f"null has no `{name}`; test it first, as in {{% if … is not none %}}"
        names = map(str, owner) if isinstance(owner, Mapping) and len(owner) <= _MOST_NAMES else ()
        if near := closest_match(str(name), names):
            return f"there is no `{name}`; did you mean `{near}`?"
        return f"there is no `{name}`; give a stand-in, as in {{{{ name | default('none') }}}}"


class Sandbox(ImmutableSandboxedEnvironment):
    """The sandbox, closed where our data would open it, bounded, and without chance: a replay renders the same."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self) -> None:
        super().__init__(undefined=_Missing, trim_blocks=True, lstrip_blocks=True, finalize=text.written)
        del self.globals["lipsum"], self.filters["random"]
        self.policies["json.dumps_kwargs"] = {"sort_keys": True, "default": _fields}
        self.filters |= {"json": as_json, "join": text.join, "attr": _attribute, limits.SIZED: limits.sized}
        for table in (self.filters, self.tests):
            table.update({name: _bounded(name, cast("Callable[..., Any]", call)) for name, call in table.items()})
        self.filters |= {limits.TURN: limits.count_turn, limits.TEXT: text.written, METHOD: _method}

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return the data of this name."""
        if isinstance(obj, BaseModel):
            return getattr(obj, attribute) if attribute in type(obj).model_fields else self._absent(obj, attribute)
        if isinstance(obj, Mapping):
            return obj[attribute] if attribute in obj else self._absent(obj, attribute)
        if isinstance(obj, _NAMELESS) and attribute not in getattr(obj, "_fields", ()):
            return self._absent(obj, attribute)
        found = super().getattr(obj, attribute)
        return self._absent(obj, attribute) if callable(found) and not isinstance(found, Undefined) else found

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Return an item by its index, or the data of this name."""
        if isinstance(argument, str):
            return self.getattr(obj, argument)
        found = super().getitem(obj, argument)
        if isinstance(found, Undefined) and isinstance(obj, Mapping) and isinstance(argument, int):
            return self.getattr(obj, str(argument))  # the names of JSON are texts
        return found

    def method(self, obj: Any, name: str) -> Any:
        """Return the method of this name, for a call.

        Raises:
            TypeError: it is data.
        """
        found = self._absent(obj, name) if isinstance(obj, BaseModel) else super().getattr(obj, name)
        if callable(found):
            return found
        raise TypeError(f"`{name}` is data, which cannot be called: leave out the parentheses")

    def _absent(self, obj: Any, name: str) -> Undefined:
        method = None if isinstance(obj, BaseModel) else getattr(obj, name, None)
        is_method = callable(method) and self.is_safe_attribute(obj, name, method)
        hint = f"there is no `{name}`; for the method of this name, write `{name}()`" if is_method else None
        return self.undefined(hint, obj=obj, name=name)

    def call(self, context: Context, called: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call what a template calls, with its operands and its outcome counted."""
        limits.turn()
        owner, name = getattr(called, "__self__", None), getattr(called, "__name__", "")
        limits.before(name, args if owner is None else (owner, *args), kwargs)
        made = super().call(context, called, *args, **kwargs)
        limits.handle(limits.size(made))
        if name.startswith("format"):
            text.refuse_operands(name, made, (*args, *kwargs.values()))
        return made

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Compute what may be larger than its operands."""
        limits.operate(operator, left, right)
        made = super().call_binop(context, operator, left, right)
        text.refuse_operands(operator, made, (right,) if operator == "%" else ())
        return made


def with_methods(tree: nodes.Template) -> nodes.Template:
    """Return the template with what it calls looked for among the methods; it is changed."""
    for call in list(tree.find_all(nodes.Call)):
        if isinstance(call.node, nodes.Getattr):
            name: nodes.Expr = nodes.Const(call.node.attr, lineno=call.lineno)
        elif isinstance(call.node, nodes.Getitem) and not isinstance(call.node.arg, nodes.Slice):
            name = call.node.arg
        else:
            continue
        call.node = nodes.Filter(call.node.node, METHOD, [name], [], None, None, lineno=call.lineno)
    return tree


def as_json(value: Any, indent: int | None = None) -> str:
    """Return `value` as JSON, the filter `json`: unlike `tojson`, with nothing escaped for HTML."""
    return json.dumps(value, ensure_ascii=False, indent=indent, default=_fields)


def _fields(value: object) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    text.refuse(value)
    raise TypeError(f"{type(value).__name__} has no JSON")


@pass_environment
def _attribute(environment: Sandbox, obj: Any, name: str) -> Any:
    """Return what a name gives: the filter `attr`."""
    return environment.getattr(obj, str(name))


@pass_context
def _method(context: Context, obj: Any, name: Any) -> Any:
    """Return what a call calls: the filter `METHOD`. With the context, it is not taken for a constant."""
    environment = cast("Sandbox", context.environment)
    return environment.method(obj, name) if isinstance(name, str) else environment.getitem(obj, name)


def _bounded(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    return limits.guarded(name, text.checked(name, call))
