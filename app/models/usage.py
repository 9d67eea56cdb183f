"""Token counts: what providers report, in any dialect, read into ours.

Every parser of answers and every assembler of streams reads usage here, and nowhere else. No report makes an answer
invalid: what cannot be read counts as not reported, and is estimated where it becomes money.

How one report is read:

1. A count is a whole number from 0 to `_MOST`, also as text. A part of a token is a token. Anything else (null, a
   negative number, NaN, a sentinel such as 2147483647) was not reported.
2. Of several names for the same count, the first one that is above 0 counts.
3. Input includes what was read from the prompt cache and what was written to it. Some report these apart from the
   input: Anthropic always (`cache_read_input_tokens` beside `input_tokens`), others where the total says so, or where
   the cached part is larger than the whole and no total contradicts. Then they are added.
4. Output includes reasoning. Some report it apart from the output: the total says so, or it is larger than the
   output. Then it is added.
5. What is missing from a total is not output. It is input if output was reported and input was not. Only Gemini's
   compatible API counts thoughts in the total and nowhere else.
6. A part is never larger than its whole.

How the reports of one stream are merged: each is a total so far, so a later count replaces an earlier one. A later
nothing (absent, unreadable or 0) replaces nothing. One exception: a 0 for tokens written to the cache counts if the
same report has more tokens read from it, and the other way round, since they are the same tokens.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

from topics.model_responses import Usage

#: The most tokens that one call can have used; a larger number is a sentinel.
_MOST = 100_000_000
#: The longest text that is read as a number.
_LONGEST = 24
#: Providers that count reasoning in the total only.
_REASONING_IN_TOTAL_ONLY = frozenset({"gemini"})

_INPUT = ("prompt_tokens", "input_tokens")
_OUTPUT = ("completion_tokens", "output_tokens")
_INPUT_DETAILS = ("prompt_tokens_details", "input_tokens_details")
_OUTPUT_DETAILS = ("completion_tokens_details", "output_tokens_details")
_CACHED_APART = ("cache_read_input_tokens", "cache_creation_input_tokens")


def count(value: object) -> int | None:
    """Return a reported count as a number of tokens, None if it is not one (rule 1)."""
    if isinstance(value, str) and len(value) <= _LONGEST:
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MOST:
        return None
    return math.ceil(value)


def read_usage(report: object, *, provider: str = "") -> Usage:
    """Return the usage in the one report of a whole answer; a count of 0 was not reported."""
    reports = UsageReports(provider)
    reports.add(report)
    return reports.usage


class UsageReports:
    """The reports about one answer, in the order in which they arrive; `provider` is the adapter's name."""

    def __init__(self, provider: str = "") -> None:
        self._reasoning_in_total = provider in _REASONING_IN_TOTAL_ONLY
        self._merged = _Report()
        self._usage: Usage | None = Usage()

    def add(self, report: object) -> None:
        """Add a report: the object as it was parsed from JSON, or whatever is in its place."""
        if isinstance(report, Mapping) and report:
            self._merged = _merged(self._merged, _Report.of(report))
            self._usage = None

    @property
    def usage(self) -> Usage:
        """The usage by all reports so far, another object after each; a count of 0 was not reported."""
        if self._usage is None:
            self._usage = _usage(self._merged, reasoning_in_total=self._reasoning_in_total)
        return self._usage


@dataclass(frozen=True, slots=True)
class _Report:
    """The counts of a report, None where it has none; `apart` tells that `read` and `written` are not in `input`."""

    input: int | None = None
    output: int | None = None
    total: int | None = None
    read: int | None = None
    written: int | None = None
    reasoning: int | None = None
    apart: bool = False

    @classmethod
    def of(cls, report: Mapping[str, object]) -> _Report:
        within, beyond = _details(report, _INPUT_DETAILS), _details(report, _OUTPUT_DETAILS)
        included = _first(
            within.get("cached_tokens"), report.get("cached_tokens"), report.get("prompt_cache_hit_tokens")
        )
        written = _first(within.get("cache_write_tokens"), within.get("cache_creation_tokens"))
        return cls(
            input=_first(*_named(report, _INPUT)),
            output=_first(*_named(report, _OUTPUT)),
            total=count(report.get("total_tokens")),
            read=_first(included, report.get("cache_read_input_tokens")),
            written=_first(report.get("cache_creation_input_tokens"), written),
            reasoning=_first(
                beyond.get("reasoning_tokens"), beyond.get("thinking_tokens"), report.get("reasoning_tokens")
            ),
            apart=not included and not count(report.get("prompt_tokens")) and any(_named(report, _CACHED_APART)),
        )


def _named(report: Mapping[str, object], names: tuple[str, ...]) -> Iterator[object]:
    return (report.get(name) for name in names)


def _details(report: Mapping[str, object], names: tuple[str, ...]) -> Mapping[str, object]:
    found = next((one for one in _named(report, names) if isinstance(one, Mapping)), {})
    return found if isinstance(found, Mapping) else {}


def _first(*values: object) -> int | None:
    """Return the first count above 0, or else 0 if one is reported."""
    counts = [found for found in map(count, values) if found is not None]
    return next((found for found in counts if found), 0 if counts else None)


def _merged(earlier: _Report, later: _Report) -> _Report:
    counts = {field.name: getattr(later, field.name) or getattr(earlier, field.name) for field in fields(_Report)}
    if later.input or later.output:
        counts["total"] = later.total  # a total belongs to the counts beside it
    if later.written == 0 and (later.read or 0) > (earlier.read or 0):
        counts["written"] = 0
    elif later.read == 0 and (later.written or 0) > (earlier.written or 0):
        counts["read"] = 0
    return _Report(**counts)


def _usage(report: _Report, *, reasoning_in_total: bool) -> Usage:
    written, reasoning = report.output or 0, report.reasoning or 0
    whole = _input(report, written)
    missing = (report.total or 0) - whole - written
    if reasoning_in_total and missing > 0 and not reasoning:
        reasoning = missing
    if reasoning and (reasoning == missing or reasoning > written):
        written += reasoning
    cached = min(report.read or 0, whole)
    return Usage(
        input_tokens=whole,
        output_tokens=written,
        cached_input_tokens=cached,
        cache_write_tokens=min(report.written or 0, whole - cached),
        reasoning_tokens=reasoning,
    )


def _input(report: _Report, written: int) -> int:
    """Return the input with what was read from the cache, and written to it."""
    given, read, stored = report.input or 0, report.read or 0, report.written or 0
    if not given:
        return max(read + stored, (report.total or 0) - written if written else 0)
    if report.apart:
        return given + read + stored
    missing = (report.total or 0) - given - written
    if missing in {read, stored, read + stored}:
        return given + missing
    impossible = read + stored > given and (report.total is None or missing > 0)
    return given + read + stored if impossible else given
