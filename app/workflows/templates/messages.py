"""What Jinja could not read in a template, in a sentence that says how to write it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from jinja2 import TemplateError, TemplateSyntaxError, nodes

from app.errors import ConfigurationError
from app.expressions.messages import CURLY_QUOTES
from app.suggestions import did_you_mean

#: The tags of Jinja that prompts can use, and the end of those that have one.
_ENDS = {name: f"end{name}" for name in ("if", "for", "macro", "call", "filter", "set", "with", "autoescape", "raw")}
#: Tags of other languages.
_MEANT = {"elseif": "elif", "elsif": "elif", "foreach": "for", "switch": "if", "unless": "if not"}
_TAGS = ("if", "elif", "else", "for", "set", "macro", "call", "filter", "with", *_ENDS.values())
#: What other languages write, by the character that Jinja stumbles over.
_OTHERWISE = {
    "&": "write `and` for `&&`",
    "?": "write `one if condition else other`",
    "!": "write `not` for `!`",
    "'": "a quote is opened and never closed",
    '"': "a quote is opened and never closed",
    "$": "write `{{ input.name }}`, without $",
}
_QUOTES = "use the quotes ' or \" instead of “ and ”"
_EMPTY = (
    "a name is missing: write what is inserted, as in `{{ input.question }}`, or tested, as in `{% if input.name %}`"
)
#: What Jinja says, and what is to be done about it.
_HINTS: tuple[tuple[str, str], ...] = (
    (r"unexpected end of template, expected 'end of print", "`{{` is never closed by `}}`"),
    (r"unexpected end of template, expected 'end of statement", "`{%` is never closed by `%}`"),
    (r"Missing end of comment", "`{#` is never closed by `#}`"),
    (r"Missing end of raw", "`{% raw %}` is never closed; end it with `{% endraw %}`"),
    (r"Expected an expression, got 'end of", _EMPTY),
    (r"unexpected 'end of (?:print|statement)", "ends too early: something is missing before the closing braces"),
    (r"expected token 'end of statement block', got '='", "write `==` to compare"),
    (r"unexpected '.', expected '[)\]}]'", "a bracket is opened and never closed"),
    (r"unexpected '}'$", "`{{` is closed by two braces: `}}`"),
    (r"expected token 'in'", "a loop is written as in `{% for chunk in steps.search.chunks %}`"),
)
_CHARACTER = re.compile(r"unexpected char '?\"?(.)")
_UNKNOWN = re.compile(r"No (filter|test) named '(\w+)'")
_TAG = re.compile(r"Encountered unknown tag '(\w+)'")
_OPEN = re.compile(r"The innermost block that needs to be closed is '(\w+)'")
_UNEXPECTED = re.compile(r"(?:got|unexpected) '([^']+)'")
_LOADERS = (nodes.Include, nodes.Extends, nodes.Import, nodes.FromImport)


def explain(error: TemplateError, filters: Iterable[str], tests: Iterable[str]) -> str:
    """Return what is wrong with a template, after its line; `filters` and `tests` are the names of those there are."""
    said = (error.message or "").splitlines()[0] if error.message else "is not a valid template"
    at = f"line {error.lineno}: " if isinstance(error, TemplateSyntaxError) else ""
    if unknown := _UNKNOWN.match(said):
        known: Collection[str] = set(filters if unknown[1] == "filter" else tests)
        named = sorted(name for name in known if name.isidentifier())
        return f"{at}there is no {unknown[1]} `{unknown[2]}`; {did_you_mean(unknown[2], named)}"
    return f"{at}{_tag(said) or _character(said) or _hint(said)}"


def refuse_loading(tree: nodes.Template) -> None:
    """Refuse a template that asks for another one.

    Raises:
        ConfigurationError: it does.
    """
    for found in tree.find_all(_LOADERS):
        name = "extends" if isinstance(found, nodes.Extends) else "include" if isinstance(found, nodes.Include) else ""
        raise ConfigurationError(
            f"line {found.lineno}: `{name or 'import'}` has no templates to load: write the text out"
        )


def _tag(said: str) -> str:
    unclosed = _OPEN.search(said)
    ended = f"`{{% {unclosed[1]} … %}}` is ended by `{{% {_ENDS.get(unclosed[1], '')} %}}`" if unclosed else ""
    if not (found := _TAG.match(said)):
        return f"a tag is never closed: {ended}" if ended else ""
    if found[1] in _ENDS.values() or found[1] in {"else", "elif"}:
        begun = "if" if found[1] in {"else", "elif"} else found[1].removeprefix("end")
        return f"`{{% {found[1]} %}}` stands here without its `{{% {begun} … %}}`{f'; {ended}' if ended else ''}"
    meant = f"did you mean `{_MEANT[found[1]]}`?" if found[1] in _MEANT else ended or did_you_mean(found[1], _TAGS)
    return f"there is no tag `{found[1]}`; {meant}"


def _character(said: str) -> str:
    if not (found := _CHARACTER.match(said)):
        return ""
    return _QUOTES if found[1] in CURLY_QUOTES else _OTHERWISE.get(found[1], f"`{found[1]}` is not expected here")


def _hint(said: str) -> str:
    if hint := next((hint for pattern, hint in _HINTS if re.search(pattern, said)), ""):
        return hint
    found = _UNEXPECTED.search(said)
    return f"`{found[1]}` is not expected here" if found else said
