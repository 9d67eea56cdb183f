"""Change the text of a configuration: what is there keeps its comments, its order and its form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from app.errors import ConfigurationError
from app.source.problems import Key
from app.source.syntax import parse
from app.source.writing import to_yaml

_INDENT = 2


def add_entry(text: str, section: str, name: str, value: Mapping[str, Any], source: str) -> str:
    """Return `text` with the entry `name` in its top-level `section`, which is added at the end if there is none.

    Raises:
        ConfigurationError: the text is no configuration, or the section has such an entry, or another form.
    """
    before = parse(text, source).value
    if name in (before.get(section) or {}):
        raise ConfigurationError(
            f"{source}: {section}.{name} is there already; choose another name, or change it there"
        )
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    place = next(((key, node) for key, node in pairs if key.value == section), None)
    changed = _into(text, place, name, value) if place else _appended(text, section, name, value)
    wanted = {**before, section: {**(before.get(section) or {}), name: dict(value)}}
    if changed is None or parse(changed, source).value != wanted:  # as after an alias, or a tab
        written = to_yaml({section: {name: dict(value)}}).rstrip()
        raise ConfigurationError(
            f"{source}: the form of `{section}` is not one that can be added to; add there:\n{written}"
        )
    return changed


def replace_texts(text: str, replacements: Mapping[Key, str]) -> str:
    """Return `text` with other texts as the values of these keys."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    found = [(node, replacements[key]) for key, node in _scalars(root, ()) if key in replacements] if root else []
    places = {(node.start_mark.index, node.end_mark.index): new for node, new in found}  # an alias is there twice
    for (begin, end), new in sorted(places.items(), reverse=True):
        line_end = "\n" if text[begin:end].endswith("\n") else ""  # of a block
        text = text[:begin] + _quoted(new) + line_end + text[end:]
    return text


def texts(document: Any, key: Key = ()) -> Iterator[tuple[Key, str]]:
    """Yield each text in a parsed configuration, with its key."""
    if isinstance(document, Mapping):
        for name, value in document.items():
            yield from texts(value, (*key, name))
    elif isinstance(document, list):
        for position, value in enumerate(document):
            yield from texts(value, (*key, position))
    elif isinstance(document, str):
        yield key, document


def _scalars(node: yaml.Node, key: Key) -> Iterator[tuple[Key, yaml.ScalarNode]]:
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            yield from _scalars(value, (*key, name.value))
    elif isinstance(node, yaml.SequenceNode):
        for position, value in enumerate(node.value):
            yield from _scalars(value, (*key, position))
    elif isinstance(node, yaml.ScalarNode):
        yield key, node


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _appended(text: str, section: str, name: str, value: Mapping[str, Any]) -> str:
    gap = "\n" if text.strip() else ""
    ended = text if not text or text.endswith("\n") else f"{text}\n"
    return f"{ended}{gap}{to_yaml({section: {name: dict(value)}})}"


def _into(text: str, place: tuple[yaml.Node, yaml.Node], name: str, value: Mapping[str, Any]) -> str | None:
    """Return the text with the entry at the end of a section; None if that has neither form of a mapping."""
    key, node = place
    if isinstance(node, yaml.MappingNode) and node.flow_style:
        end = node.end_mark.index - 1
        flow = yaml.safe_dump({name: dict(value)}, default_flow_style=True, sort_keys=False, width=10_000).strip()[1:-1]
        so_far = text[:end].rstrip().removesuffix(",")
        return f"{so_far}{', ' if node.value else ''}{flow}{text[end:]}"
    lines = text.splitlines(keepends=True)
    if isinstance(node, yaml.MappingNode):
        indent, last = node.start_mark.column, _last_line(node)
    elif isinstance(node, yaml.ScalarNode) and not node.value:  # a section that is empty, perhaps for its comments
        indent, last = key.start_mark.column + _INDENT, key.start_mark.line
    else:
        return None
    while last + 1 < len(lines) and lines[last + 1].startswith(" ") and lines[last + 1].lstrip().startswith("#"):
        last += 1  # what is commented out belongs to the entry above it
    if not lines[last].endswith("\n"):
        lines[last] += "\n"
    added = "".join(f"{' ' * indent}{line}\n" for line in to_yaml({name: dict(value)}).splitlines())
    return "".join([*lines[: last + 1], added, *lines[last + 1 :]])


def _last_line(node: yaml.Node) -> int:
    """Return the number of the line on which a node ends; a block's own mark is behind the comments that follow."""
    if isinstance(node, yaml.CollectionNode) and node.value and not node.flow_style:
        last = node.value[-1]
        return _last_line(last[1] if isinstance(last, tuple) else last)
    line = node.end_mark.line
    return line - 1 if node.end_mark.column == 0 and line > node.start_mark.line else line
