"""Make the chunks that were found fit into a number of tokens: what to keep, what to leave out, and in which order."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.retrieval.context.token_bound import token_bound
from topics.retrieval_results import Chunk, PlannedChunk

#: What a prompt puts around a chunk: its number and line breaks.
_FRAME = 8
#: So many of the shorter chunk's words in the other, in groups of three, make a repetition.
_REPEATED = 0.8
_GROUP = 3
#: A sentence ends here, or a line: what is behind is left out.
_END = re.compile("[.!?][\"'`)\\]]{0,3}(?=\\s|$)|[\u3002\uff01\uff1f]|\n")


@dataclass(frozen=True, slots=True)
class ContextPlan:
    """The chunks for the context, and what became of each that was found; None: there was nothing to decide."""

    chunks: tuple[Chunk, ...]
    decisions: tuple[PlannedChunk, ...] | None


def plan_context(found: Sequence[Chunk], budget: int, count: Callable[[str], int] = token_bound) -> ContextPlan:
    """Return what of `found`, best first, fits into `budget` tokens.

    A chunk that a better one repeats is left out. The best that fit are kept; the first that does not is cut at the end
    of a sentence, and those behind it are left out: so a larger budget never loses what a smaller one has. Of those
    that are kept, neighbours in a document become one chunk. A model overlooks what is in the middle of a long context
    (Liu et al., "Lost in the Middle", TACL 2024): so the best are first and last.
    """
    kept: list[Chunk] = []
    decisions: dict[str, PlannedChunk] = {}
    left, full = budget, False
    for chunk in found:
        if any(_repeats(chunk, better) for better in kept):
            decisions[chunk.id] = PlannedChunk(id=chunk.id, outcome="repeated")
            continue
        fitting: Chunk | None = None
        if not full:
            fitting = chunk if _cost(chunk, count) <= left else _cut(chunk, left, count)
            full = fitting is not chunk
        if fitting is None:
            decisions[chunk.id] = PlannedChunk(id=chunk.id, outcome="no_room")
            continue
        tokens = _cost(fitting, count)
        left -= tokens
        kept.append(fitting)
        decisions[chunk.id] = PlannedChunk(id=chunk.id, outcome="kept" if fitting is chunk else "cut", tokens=tokens)
    chunks = _merged(kept, count, decisions)
    return ContextPlan(_best_outside(chunks), tuple(decisions.values()))


def _cost(chunk: Chunk, count: Callable[[str], int]) -> int:
    return _FRAME + sum(count(part) for part in (chunk.heading, chunk.header, chunk.text) if part)


def _cut(chunk: Chunk, room: int, count: Callable[[str], int]) -> Chunk | None:
    """Return the chunk up to the last end of a sentence that fits; None if not even one does."""
    blank = len(chunk.text) - len(chunk.text.lstrip())
    ends = [found.end() for found in _END.finditer(chunk.text) if found.end() > blank]
    low, high = 0, len(ends)
    while low < high:
        middle = (low + high + 1) // 2
        if _cost(_shortened(chunk, ends[middle - 1]), count) <= room:
            low = middle
        else:
            high = middle - 1
    return _shortened(chunk, ends[low - 1]) if low else None


def _shortened(chunk: Chunk, end: int) -> Chunk:
    """Return the beginning of a chunk, with the lines and the span that it has."""
    text = chunk.text[:end].rstrip()
    last = min(chunk.lines[1], chunk.lines[0] + text.count("\n"))
    span = (chunk.span[0], min(chunk.span[1], chunk.span[0] + len(text))) if chunk.span else None
    return chunk.model_copy(update={"text": text, "lines": (chunk.lines[0], last), "span": span})


def _repeats(chunk: Chunk, better: Chunk) -> bool:
    """Return whether nearly all of the shorter of two chunks is in the other."""
    one, other = _groups(chunk.text), _groups(better.text)
    return len(one & other) >= _REPEATED * max(1, min(len(one), len(other)))


def _groups(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.casefold())
    return {tuple(words[at : at + _GROUP]) for at in range(max(1, len(words) - _GROUP + 1))}


def _merged(kept: Sequence[Chunk], count: Callable[[str], int], decisions: dict[str, PlannedChunk]) -> list[Chunk]:
    """Return the chunks, best first, with those that continue others of their section joined to them."""
    joined: list[Chunk] = []
    for chunk in sorted(kept, key=lambda one: (one.document_id, one.position or 0)):
        before = joined[-1] if joined else None
        whole = _joined(before, chunk) if before and _continues(before, chunk, decisions) else None
        if not before or whole is None or _cost(whole, count) > _cost(before, count) + _cost(chunk, count):
            joined.append(chunk)
            continue
        joined[-1] = whole
        tokens = _cost(whole, count)
        decisions[chunk.id] = PlannedChunk(id=chunk.id, outcome="merged", into=whole.id)
        decisions[whole.id] = decisions[whole.id].model_copy(update={"tokens": tokens})
    return sorted(joined, key=lambda one: -one.score)


def _continues(before: Chunk, chunk: Chunk, decisions: dict[str, PlannedChunk]) -> bool:
    """Return whether a chunk begins within, or right behind, a whole other one of its section."""
    if before.span is None or chunk.span is None or before.section is None or chunk.header:
        return False
    same = (before.document_id, before.section, before.heading) == (chunk.document_id, chunk.section, chunk.heading)
    whole = len(before.text) == before.span[1] - before.span[0] and decisions[before.id].outcome != "cut"
    return same and whole and before.span[0] <= chunk.span[0] <= before.span[1]


def _joined(before: Chunk, chunk: Chunk) -> Chunk | None:
    """Return both chunks as one; None if they do not overlap as their spans say."""
    (start, end), (begin, stop) = before.span or (0, 0), chunk.span or (0, 0)
    shared = end - begin
    if len(chunk.text) != stop - begin or before.text[len(before.text) - shared :] != chunk.text[:shared]:
        return None
    text = before.text + chunk.text[shared:]
    update = {
        "text": text,
        "lines": (before.lines[0], max(before.lines[1], chunk.lines[1])),
        "span": (start, max(end, stop)),
        "score": max(before.score, chunk.score),
        "pages": _range(before.pages, chunk.pages),
    }
    return before.model_copy(update=update)


def _range(one: tuple[int, int] | None, other: tuple[int, int] | None) -> tuple[int, int] | None:
    return (min(one[0], other[0]), max(one[1], other[1])) if one and other else one or other


def _best_outside(chunks: Sequence[Chunk]) -> tuple[Chunk, ...]:
    """Return chunks, best first, so that the best are at both ends: the first, the third, …, the fourth, the second."""
    return (*chunks[::2], *reversed(chunks[1::2]))
