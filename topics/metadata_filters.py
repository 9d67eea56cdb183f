"""Filters on the metadata of documents, which searches carry."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr, model_validator

Number = StrictInt | Annotated[StrictFloat, Field(allow_inf_nan=False)]
Scalar = StrictBool | Number | StrictStr
#: What a document's metadata holds under one name: one value, or several.
MetadataValue = Scalar | tuple[Scalar, ...]

_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d:\d\d)?)?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FORMS = ("field", "all", "any", "not")
#: The keys of a range.
BOUNDS = ("gt", "gte", "lt", "lte")
_MOST_DEEP = 10


class MetadataFilter(BaseModel):
    """A condition on a `field` of the metadata, or a combination: `all` or `any` of several filters, or `not` one.

    A condition is `eq`, `in`, or a range of numbers or of dates (`gt` or `gte`, `lt` or `lte`). It holds if one of the
    field's values meets it; without the field, it does not hold. A text is equal to a text only, a number to a number,
    a boolean to a boolean. A date without a time is its midnight, and one without a zone is in UTC.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", serialize_by_alias=True)

    field: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    eq: Scalar | None = None
    in_: Annotated[tuple[Scalar, ...], Field(max_length=1000)] | None = Field(default=None, alias="in")
    gt: Number | str | None = None
    gte: Number | str | None = None
    lt: Number | str | None = None
    lte: Number | str | None = None
    all: Annotated[tuple[MetadataFilter, ...], Field(min_length=1, max_length=100)] | None = None
    any: Annotated[tuple[MetadataFilter, ...], Field(min_length=1, max_length=100)] | None = None
    not_: MetadataFilter | None = Field(default=None, alias="not")

    @property
    def parts(self) -> tuple[MetadataFilter, ...]:
        """The filters that it combines."""
        return (*(self.all or ()), *(self.any or ()), *((self.not_,) if self.not_ else ()))

    @model_validator(mode="after")
    def _valid(self) -> Self:
        given = {name.rstrip("_") for name, value in self if value is not None}
        conditions = given - {*_FORMS}
        if self.field is None and conditions:
            raise ValueError(f"{min(conditions)} needs the field that it is about")
        if len(forms := given & {*_FORMS}) != 1:
            raise ValueError(f"needs one of {', '.join(_FORMS)}, and has {' and '.join(sorted(forms)) or 'none'}")
        if self.field is not None:
            self._check_conditions(conditions)
        if _depth(self) > _MOST_DEEP:
            raise ValueError(f"is nested more than {_MOST_DEEP} deep")
        return self

    def _check_conditions(self, given: set[str]) -> None:
        if not (given in ({"eq"}, {"in"}) or (given and given <= {*BOUNDS})):
            raise ValueError("a condition is eq, or in, or a range of gt or gte, and lt or lte")
        if {"gt", "gte"} <= given or {"lt", "lte"} <= given:
            raise ValueError("a range begins with gt or gte, and ends with lt or lte: give one of each at most")
        bounds = [bound for bound in (self.gt, self.gte, self.lt, self.lte) if bound is not None]
        for bound in bounds:
            if isinstance(bound, str) and seconds(bound) is None:
                raise ValueError(
                    f"{bound[:40]!r} is neither a number nor a date such as 2026-12-31 or 2026-12-31T23:59Z"
                )
        if len({isinstance(bound, str) for bound in bounds}) > 1:
            raise ValueError("a range is of numbers or of dates, not of both")


def _depth(of: MetadataFilter) -> int:
    return 1 + max(map(_depth, of.parts), default=0)


def seconds(text: str) -> float | None:
    """Return the time of a date in seconds since 1970; None if the text is no date."""
    if not _DATE.fullmatch(text):
        return None
    try:
        date = datetime.fromisoformat(text)
    except ValueError:  # as the 31st of June
        return None
    return ((date if date.tzinfo else date.replace(tzinfo=UTC)) - _EPOCH).total_seconds()
