"""Write plain values as YAML that our reader and others read back as the same values."""

from __future__ import annotations

from typing import Any

import yaml

from app.source.syntax import CORE

_RARE_BREAKS = frozenset("\r\x85\u2028\u2029")


def to_yaml(value: Any) -> str:
    """Return `value`, plain JSON, as YAML: keys in their order, multi-line strings as blocks."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


class _Dumper(yaml.SafeDumper):
    """Writes no anchors, and multi-line strings as blocks, so that a diff shows the line that changed."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  # the base class hands it over
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # PyYAML reads the rarer line ends back only if they are written in double quotes.
    style = '"' if _RARE_BREAKS.intersection(text) else "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
for _tag, _pattern, _first in CORE:  # so that a string which our reader takes for a number, such as 1e3, is quoted
    _Dumper.add_implicit_resolver(_tag, _pattern, _first)
