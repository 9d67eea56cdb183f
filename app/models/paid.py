"""What a failed call has to be paid for: the answer that was refused, withheld, malformed or cut off.

An error carries it as `ModelError.answer`: what the model wrote, and the counts that the provider reported. A count of
0 was not reported, and is estimated where it becomes money.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from app.errors import ModelError
from app.models.base import Completion
from app.models.usage import read_usage
from app.prices.token_estimates import estimate_tokens, written_text
from topics.model_responses import Usage

#: Where an answer has what the model wrote, and where a gateway may have wrapped all of it.
_OUTPUT = ("choices", "content", "output")
_WRAPPED = ("response", "body", "result", "message")
#: The fields that hold what a model writes.
_WRITTEN = frozenset(
    {"arguments", "content", "reasoning", "reasoning_content", "refusal", "text", "thinking", "partial_json"}
)


@contextmanager
def paid_answer(body: bytes, provider: str) -> Iterator[None]:
    """Have an error that is raised while `body`, an answer with the status 200, is read carry what it has cost."""
    try:
        yield
    except ModelError as error:
        error.answer = error.answer or answer_in(body, provider)
        raise


def answer_in(body: bytes, provider: str) -> Completion | None:
    """Return what there is to pay for in a body of any dialect: None if it has neither an answer nor a usage."""
    try:
        reply = json.loads(body)
    except (ValueError, RecursionError):
        return None
    for name in _WRAPPED:
        if isinstance(reply, Mapping) and isinstance(reply.get(name), Mapping) and not reply.get("choices"):
            reply = reply[name]
    if not isinstance(reply, Mapping):
        return None
    usage = read_usage(reply.get("usage"), provider=provider)
    output = [reply[name] for name in _OUTPUT if reply.get(name)]
    return Completion("".join(_written(output)), usage=usage) if output or usage != Usage() else None


def cut_answer(answer: Completion, *, counted: bool) -> Completion | None:
    """Return what came of an answer that was cut off, None if nothing came.

    Unless it was `counted` to its end, its counts are those of an earlier moment: then more may have been written.
    """
    written = estimate_tokens(written_text(answer.text, answer.reasoning, answer.tool_calls))
    if not written and answer.usage == Usage():
        return None
    if not counted and written > answer.usage.output_tokens:
        usage = answer.usage.model_copy(update={"output_tokens": 0, "reasoning_tokens": 0})
        return replace(answer, usage=usage)
    return answer


def _written(value: object) -> Iterator[str]:
    """Yield the texts in what a model wrote."""
    left = [value]
    while left:
        match left.pop():
            case list() as items:
                left += items
            case Mapping() as found:
                yield from (text for name, text in found.items() if name in _WRITTEN and isinstance(text, str))
                left += [inner for inner in found.values() if isinstance(inner, Mapping | list)]
