"""Plain values to YAML that reads back as the same values, by our reader and by others."""

from __future__ import annotations

from typing import Any

import yaml

from app.source.syntax import CORE

_RARE_BREAKS = frozenset("\r\x85\u2028\u2029")


def to_yaml(value: Any) -> str:
    """Return `value`, plain JSON, as YAML: keys in their order, texts of several lines as they are."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


class _Dumper(yaml.SafeDumper):
    """Writes no anchors, and texts of several lines as blocks: a diff shows the line that changed."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  # the base class hands it over
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # Only inside double quotes does PyYAML write the rarer line ends so that it reads them back.
    style = '"' if _RARE_BREAKS.intersection(text) else "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
for _tag, _pattern, _first in CORE:  # so that a text which our reader takes for a number, as 1e3, is quoted
    _Dumper.add_implicit_resolver(_tag, _pattern, _first)
