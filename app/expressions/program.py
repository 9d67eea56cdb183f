"""One compiled program of the CEL library."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from app.errors import ConfigurationError, MissingDependency
from app.expressions.functions import KNOWN, NEGATIVE, RENAMED, extensions
from app.expressions.messages import ELSEWHERE, HAS, MACROS, syntax_error
from app.expressions.syntax import rewritten
from app.suggestions import did_you_mean

MAX_SOURCE_CHARACTERS = 10_000


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
        logging.getLogger("cel").disabled = True  # it logs what our functions raise, with the data
        try:
            self._program = cel.compile(source)
        except ValueError as error:
            raise ConfigurationError(f"{where}: {syntax_error(source, str(error))}") from None
        self._context = cel.Context
        self.variables: list[str] = self._program.variables()
        called = self._program.functions()
        self.functions = [name for name in called if name.isidentifier() and name[0] != "_"]
        if "has" in self.functions:  # what the parser takes for the macro is none
            raise ConfigurationError(f"{where}: {HAS}")
        for name in self.functions:
            if name in MACROS and name not in KNOWN:
                raise ConfigurationError(f"{where}: `{name}` takes a name and an expression, as in {MACROS[name]}")
            if name not in KNOWN:
                raise ConfigurationError(
                    f"{where}: unknown function {name}; {did_you_mean(ELSEWHERE.get(name, name), KNOWN)}"
                )
        names = [*self.functions, *([NEGATIVE] if "-_" in called else [])]
        if NEGATIVE in names or not RENAMED.keys().isdisjoint(names):
            self._program = cel.compile(_rewritten(source, where))
        self._extensions: dict[str, Callable[..., Any]] = extensions(names)

    def run(self, context: dict[str, Any]) -> Any:
        """Return its value; each error has a type of its own, which `describe_error` puts into a sentence."""
        return self._program.execute(self._context(context, self._extensions) if self._extensions else context)


def _rewritten(source: str, where: str) -> str:
    try:
        return rewritten(source, negative=NEGATIVE, renamed=RENAMED)
    except ValueError as error:
        raise ConfigurationError(f"{where}: cannot be bounded: {error}") from None
