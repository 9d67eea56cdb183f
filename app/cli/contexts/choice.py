"""Which context a command uses: the one that is named for it, or the current one."""

from __future__ import annotations

import os
from contextvars import ContextVar

from app.cli.contexts.store import Context, Contexts

VARIABLE = "META_AI_CONTEXT"
#: The value of `--context`.
named: ContextVar[str] = ContextVar("named", default="")


def chosen() -> tuple[str, Context] | None:
    """Return the context of `--context` or META_AI_CONTEXT, with its name.

    Raises:
        ConfigurationError: there is none of this name.
    """
    name = named.get() or os.environ.get(VARIABLE, "")
    return (name, Contexts.read().get(name)) if name else None


def current() -> tuple[str, Context] | None:
    """Return the context of `meta-ai context use`, with its name."""
    known = Contexts.read()
    return (known.current, known.contexts[known.current]) if known.current in known.contexts else None
