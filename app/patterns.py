"""Regular expressions that users write, run on text that others wrote.

The engine is RE2, whose time is in proportion to the text whatever the expression is: Python's own can take longer
than anyone waits, and stops the whole process meanwhile.
"""

from __future__ import annotations

import re
from typing import Any

from app.errors import MissingDependency

#: Where all matches are looked for, as RE2 may read on to the end of the text for each of them.
LOOKED_AT = 10_000
#: Why a pattern cannot be used that other engines take.
UNBOUNDED = "look-ahead, look-behind and back-references are not supported, since their time has no bound"
_ELSEWHERE = re.compile(r"\(\?<?[=!]|\(\?P=|\\[1-9]")


def hint(pattern: str) -> str:
    """Return what to do about a pattern that an engine whose time is bounded does not take."""
    return (
        UNBOUNDED if _ELSEWHERE.search(pattern) else r"close every bracket, and put a \ before a sign that means itself"
    )


class Pattern:
    r"""One compiled expression in RE2's syntax. `\w`, `\d`, `\s` and `\b` mean ASCII; `\pL` is any letter."""

    def __init__(self, source: str, *, ignore_case: bool = False) -> None:
        """Compile `source`.

        Raises:
            ValueError: it is not a regular expression, or one that RE2 does not know.
            MissingDependency: the library is not installed.
        """
        try:
            import re2  # noqa: PLC0415  # part of the server's extra
        except ImportError:
            raise MissingDependency('pip install "meta-ai-orchestrator[server]"') from None
        options = re2.Options()
        options.log_errors = False  # it would write to the process's standard error
        options.case_sensitive = not ignore_case
        try:
            self._compiled: Any = re2.compile(source.encode(), options)
        except (re2.error, UnicodeError) as error:
            raise ValueError(f"{source!r} is not a regular expression that can be used: {_said(error)}") from None
        self.source = source

    def found_in(self, text: str) -> bool:
        """Return whether it matches anywhere in `text`."""
        return self._compiled.search(_encoded(text)) is not None

    def last(self, text: str) -> str | None:
        """Return the last match that is not empty, or its first group if there is one.

        It is looked for in the last `LOOKED_AT` characters.
        """
        found = None
        for match in self._compiled.finditer(_encoded(text[-LOOKED_AT:])):
            found = match[1 if self._compiled.groups else 0] or found
        return None if found is None else found.decode(errors="replace")


def _encoded(text: str) -> bytes:
    return text.encode(errors="replace")


def _said(error: Exception) -> str:
    said = error.args[0] if error.args else ""
    text = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
    return f"{text}; {UNBOUNDED}" if "(?" in text or "escape" in text else text
