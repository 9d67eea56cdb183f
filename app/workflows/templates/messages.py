"""The errors of Jinja in our words: what is wrong with a template, where, and how to write it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from jinja2 import TemplateError, TemplateSyntaxError, nodes

from app.suggestions import did_you_mean

_UNKNOWN = re.compile(r"No (filter|test) named '(.+?)'")
_TAG = re.compile(r"Encountered unknown tag '(\w+)'")
_OPEN = re.compile(r"The innermost block that needs to be closed is '(\w+)'")
_UNEXPECTED = re.compile(r"unexpected (?:char )?'(.+?)'(?: at \d+|,|$)")
_GOT = re.compile(r"(?:expected token '(.+?)'|Expected an expression), got '(.+?)'")
#: What Jinja calls the marks of a template, and how each is written.
_MARKS = {
    "end of print statement": "`}}`",
    "end of statement block": "`%}`",
    "name": "a name",
}
_WHOLE = {
    "Missing end of comment tag": "a comment is not closed; end it with `#}`",
    "Missing end of raw directive": "`{% raw %}` is not closed; end it with `{% endraw %}`",
    "expected name or number": "a name is expected after the dot",
}
#: Why it cannot include another.
ALONE = "a template stands alone: it cannot include, import or extend another"
#: What stands only within a block, besides its end.
_INNER = frozenset({"else", "elif"})
_OTHER_TEMPLATES = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)


def syntax_error(error: TemplateError, filters: Iterable[str], tests: Iterable[str]) -> str:
    """Return what is wrong with a template that cannot be compiled; it may use the names `filters` and `tests`."""
    said = (error.message or "").partition("\n")[0].removesuffix(".")
    if not isinstance(error, TemplateSyntaxError):
        return said
    return f"line {error.lineno}: {_plain(said, {'filter': filters, 'test': tests})}"


def refuse_other_templates(tree: nodes.Template) -> None:
    """Refuse a template that needs another one.

    Raises:
        TemplateSyntaxError: it does.
    """
    for node in tree.find_all(_OTHER_TEMPLATES):
        raise TemplateSyntaxError(ALONE, node.lineno)


def _plain(said: str, known: dict[str, Iterable[str]]) -> str:
    opened = _OPEN.search(said)
    if found := _UNKNOWN.search(said):
        said = f"there is no {found[1]} `{found[2]}`; {did_you_mean(found[2], known[found[1]])}"
    elif found := _TAG.search(said):
        said = _tag(found[1], opened[1] if opened else "")
    elif opened:
        said = f"`{{% {opened[1]} … %}}` is not closed; end it with `{{% end{opened[1]} %}}`"
    elif said.startswith("unexpected end of template") or "got 'end of template'" in said:
        said = "`{{` or `{%` is not closed; end it with `}}` or `%}`"
    elif found := _GOT.search(said):
        wanted = _MARKS.get(found[1], f"`{found[1]}`") if found[1] else "an expression"
        said = f"{wanted} is expected before {_MARKS.get(found[2], f'`{found[2]}`')}"
    elif found := _UNEXPECTED.search(said):
        said = _unexpected(found[1])
    return _WHOLE.get(said, said)


def _tag(name: str, opened: str) -> str:
    if name.startswith("end") or name in _INNER:
        before = f"`{{% {opened} … %}}` must end first" if opened else "nothing is open that it belongs to"
        return f"`{{% {name} %}}` is not expected here; {before}"
    return f"there is no tag `{name}`; to print a value, write it as in {{{{ input.text }}}}"


def _unexpected(mark: str) -> str:
    if mark in {'"', "'"}:
        return "a quote is opened and never closed"
    return f"`{mark}` is not expected here" + ("; a value ends with `}}`" if mark == "}" else "")
