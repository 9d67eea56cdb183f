"""The expressions of a template whose text could only be an address, found before it is ever rendered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from jinja2 import Undefined, UndefinedError, nodes

from app.workflows.templates.text import NOT_MADE, NotData, function_itself

#: Filters that yield items one by one; `reverse` does of a list only.
_LAZY = frozenset({"batch", "items", "map", "reject", "rejectattr", "select", "selectattr", "slice", "unique"})


class NeverData:
    """Finds the expressions of a template whose text could only be an address, whatever the data."""

    def __init__(self, tree: nodes.Template, functions: Iterable[str]) -> None:
        """`functions` are the names of those that every template has."""
        self._tree = tree
        macros = {macro.name: macro for macro in tree.find_all(nodes.Macro)}
        assigned = [one for one in tree.find_all(nodes.Assign) if isinstance(one.target, nodes.Name)]
        bound = Counter(name.name for name in tree.find_all(nodes.Name) if name.ctx != "load")
        self._functions = {*functions, "caller"} - bound.keys()
        self._own = {"loop", "self"} - bound.keys()
        #: What each name may stand for, where all of that is known.
        self._given: dict[str, list[nodes.Node]] = {}
        for name in {*macros, *bound}:
            values: list[nodes.Node] = [one.node for one in assigned if one.target.name == name]  # type: ignore[attr-defined]  # a name
            if len(values) == bound[name]:
                self._given[name] = [*values, *([macros[name]] if name in macros else [])]

    def refuse(self) -> None:
        """Refuse the first of them.

        Raises:
            NotData: there is one.
        """
        for output in self._tree.find_all(nodes.Output):
            for node in output.nodes:
                if said := self._of(node):
                    raise NotData(f"line {node.lineno}: {said}")

    def _of(self, node: nodes.Node, depth: int = 0) -> str:
        """Return why what `node` yields is never data; nothing if it may be."""
        match node:
            case nodes.Macro():
                return function_itself(node.name)
            case nodes.Name():
                return self._of_name(node.name, depth)
            case nodes.Filter() if node.name in _LAZY:
                return NOT_MADE
            case nodes.Getattr() | nodes.Getitem():
                return _absent(node)
        return next(filter(None, (self._of(part, depth) for part in _parts(node))), "")

    def _of_name(self, name: str, depth: int) -> str:
        if name in self._own:
            return f"inserts `{name}` itself: name one of its fields, as in `loop.index`"
        if name in self._given and not depth:
            said = [self._of(one, depth + 1) for one in self._given[name]]
            return said[0] if all(said) else ""
        return function_itself(name) if name in self._functions else ""


def _parts(node: nodes.Node) -> Iterable[nodes.Node]:
    """Return the parts of which each is inserted, alone or within the whole."""
    match node:
        case nodes.List() | nodes.Tuple():
            return node.items
        case nodes.Concat():  # which makes the items of a filter first
            return [part for part in node.nodes if not isinstance(part, nodes.Filter)]
        case nodes.CondExpr():
            return [part for part in (node.expr1, node.expr2) if part]
    return ()


def _absent(node: nodes.Expr) -> str:
    """Return what is wrong with a name that is asked of a constant."""
    try:
        found = node.as_const()
        if isinstance(found, Undefined):
            str(found)  # raises its own error
    except nodes.Impossible:
        return ""
    except UndefinedError as error:
        return str(error)
    return ""
