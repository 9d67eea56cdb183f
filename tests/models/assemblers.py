"""What the tests of answers that come in events share."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from hypothesis import strategies as st

from app.errors import ModelError
from app.models.answers.assembler import AnswerAssembler, read_answer
from app.models.base import Completion, Delta
from app.models.http.errors import ErrorTranslator

A = TypeVar("A", bound=AnswerAssembler)


def told(assembly: A, *events: object) -> tuple[A, list[Delta]]:
    """Return the assembly with events in it, each the data or what it is as JSON, and the pieces that they brought."""
    deltas = [assembly.add("message", one if isinstance(one, str) else json.dumps(one)) for one in events]
    return assembly, [delta for delta in deltas if delta]


def anything(*names: str) -> st.SearchStrategy[Any]:
    """Return what may come instead of an event: any JSON, with the names of fields that would mean something."""
    keys = st.sampled_from(names) | st.text(max_size=3)
    return st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
        max_leaves=12,
    )


def read(make: Callable[[ErrorTranslator], AnswerAssembler], body: object, errors: ErrorTranslator) -> Completion:
    """Return the answer in a body, or in what it is as JSON."""
    return read_answer(body if isinstance(body, bytes) else json.dumps(body).encode(), make(errors))


def only_our_errors(make: Callable[[ErrorTranslator], AnswerAssembler], errors: ErrorTranslator, data: Any) -> None:
    """See to it that nothing but our own errors come of `data`, as an event and as a whole answer."""
    assembler = make(errors)
    with suppress(ModelError):
        assembler.add("message", json.dumps(data))
    assembler.close(framed=True)
    with suppress(ModelError):
        assembler.completion()
    with suppress(ModelError):
        read(make, data, errors)
