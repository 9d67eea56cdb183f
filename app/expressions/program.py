"""One compiled program of the CEL library, with its errors in our words."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from typing import Any

from app.errors import ConfigurationError, MissingDependency
from app.expressions.functions import KNOWN, extensions

MAX_SOURCE_CHARACTERS = 10_000
#: The error when an operation or a function has operands of the wrong types.
MISMATCH = "the types do not fit together; convert with int(x), double(x) or string(x)"
_UNKNOWN = re.compile(r"^Undefined variable or function: ")


class Program:
    """A compiled expression; `variables` are the names that it uses or binds, `functions` those that it calls."""

    def __init__(self, source: str, *, where: str) -> None:
        """Compile `source`.

        Raises:
            ConfigurationError: it is malformed, or calls an unknown function.
            MissingDependency: the library is not installed.
        """
        if len(source) > MAX_SOURCE_CHARACTERS:
            raise ConfigurationError(f"{where}: an expression may have at most {MAX_SOURCE_CHARACTERS} characters")
        try:
            import cel  # noqa: PLC0415  # part of the server's extra
        except ImportError:
            raise MissingDependency('pip install "meta-ai-orchestrator[server]"') from None
        try:
            self._program = cel.compile(source)
        except ValueError as error:
            raise ConfigurationError(f"{where}: {_syntax(str(error))}") from None
        self._context = cel.Context
        self.variables: list[str] = self._program.variables()
        self.functions = [name for name in self._program.functions() if name.isidentifier() and name[0] != "_"]
        _refuse_unknown(self.functions, where)
        self._extensions: dict[str, Callable[..., Any]] = extensions(self.functions)

    def run(self, context: dict[str, Any]) -> Any:
        """Return its value; each error has a type of its own, which `describe_error` puts into a sentence."""
        return self._program.execute(self._context(context, self._extensions) if self._extensions else context)


def describe_error(error: Exception) -> str:
    """Return what went wrong in a run."""
    if isinstance(error, KeyError):
        return f"`{error.args[0]}` does not exist; test first with has(a.b)"
    if isinstance(error, TypeError):
        return MISMATCH
    line = next(iter(str(error).splitlines()), type(error).__name__).split(". Check ")[0]
    return _UNKNOWN.sub("there is no ", line.rpartition("failed: ValueError: ")[2])


def _syntax(text: str) -> str:
    """Return the first error of the parser, with its column."""
    first = next((line for line in text.splitlines() if "<input>:" in line), text)
    place, _, said = first.partition("<input>:")[2].partition(": ")
    return f"is not a valid CEL expression: column {place.split(':')[-1]}: {said.removeprefix('Syntax error: ')}"


def _refuse_unknown(names: list[str], where: str) -> None:
    for name in names:
        if name not in KNOWN:
            near = difflib.get_close_matches(name, KNOWN, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(KNOWN))}"
            raise ConfigurationError(f"{where}: unknown function {name}; {hint}")
