"""What an answer says, for strategies that count equal answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from pydantic import Field, field_validator, model_validator

from app.fusion.base import Candidate, StrategyOptions
from app.normalization import answer_form, normalize
from app.patterns import Pattern

_NUMBER = re.compile(
    r"(?:(?<!\w)[-\u2212])?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3}(?!\w))?"
)
#: Tried in turn: a letter that is announced as the answer, a letter that stands alone, an answer that is a letter.
_LETTERS = (
    re.compile(r"(?i:\banswer\b)[\s:=*\"'(\[]*+(?:(?i:is)\b[\s:*\"'(\[]*+)?([A-Z])(?![\w'\u2019])"),
    re.compile(r"(?<![\w'\u2019])([A-Z])(?![\w'\u2019])"),
    re.compile(r"\A\W*([a-zA-Z])\W*\Z"),
)


class ExtractionOptions(StrategyOptions):
    """When two answers count as the same."""

    extract: Literal["number", "letter"] | None = Field(
        default=None, description="compare only the last number in each answer, or its letter, as in multiple choice"
    )
    pattern: str | None = Field(
        default=None,
        min_length=1,
        description="compare only the last match of this regular expression (RE2): its first group, if it has one",
        examples=[r"#### (\S+)"],
    )
    keep: Literal["answer", "extract"] = Field(
        default="answer", description="the text of the outcome: the whole answer, or only what was extracted"
    )
    exact: bool = Field(default=False, description="compare exactly; otherwise case, quotes and the like are ignored")

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        Pattern(pattern or "")
        return pattern

    @model_validator(mode="after")
    def _one(self) -> ExtractionOptions:
        if self.extract and self.pattern:
            raise ValueError("give either extract or pattern")
        if self.keep == "extract" and not (self.extract or self.pattern):
            raise ValueError("keep: extract needs extract or pattern")
        return self


@dataclass(frozen=True, slots=True)
class ExtractedAnswer:
    """The answer of a candidate: equal `key`s are the same answer, `text` is the answer as it was written."""

    key: Hashable
    text: str


Extract = Callable[[Candidate], ExtractedAnswer | None]


def extractor(options: ExtractionOptions) -> Extract:
    """Return the function that reads a candidate; it returns None where nothing can be extracted."""
    if options.pattern:
        return _by_pattern(Pattern(options.pattern), exact=options.exact)
    if options.extract == "number":
        return _number
    if options.extract == "letter":
        return _letter
    return exactly if options.exact else whole


def whole(candidate: Candidate) -> ExtractedAnswer:
    """Read all of an answer: its data where it has such, else its text, normalised."""
    return _whole(candidate, exact=False)


def exactly(candidate: Candidate) -> ExtractedAnswer:
    """Read all of an answer, letter by letter; in data the order of keys and the form of numbers do not count."""
    return _whole(candidate, exact=True)


def _whole(candidate: Candidate, *, exact: bool) -> ExtractedAnswer:
    return ExtractedAnswer(answer_form(candidate.text, candidate.data, exact=exact), candidate.text)


def _number(candidate: Candidate) -> ExtractedAnswer | None:
    found = _NUMBER.findall(candidate.text)
    if not found:
        return None
    return ExtractedAnswer(Decimal(found[-1].replace(",", "").replace("\u2212", "-")), found[-1])


def _letter(candidate: Candidate) -> ExtractedAnswer | None:
    tries = (pattern.findall(candidate.text) for pattern in _LETTERS)
    last = next((found[-1] for found in tries if found), None)
    return ExtractedAnswer(last.upper(), last) if last else None


def _by_pattern(pattern: Pattern, *, exact: bool) -> Extract:
    def read(candidate: Candidate) -> ExtractedAnswer | None:
        found = pattern.last(candidate.text)
        return ExtractedAnswer(found if exact else normalize(found), found) if found else None

    return read
