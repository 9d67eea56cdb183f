"""The price table: the built-in one, and the user's file, which takes precedence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path

from pydantic import Field, ValidationError

from app.prices.price import Price
from app.settings import ModelSettings, PriceSettings, Section
from app.source.files import read
from app.source.problems import Problem, error_text, place_of, problems_error, pydantic_errors
from app.source.syntax import Document, parse

#: The suffixes of model versions; a version costs the same as the model.
_VERSION = re.compile(r"[-@](\d{4}-\d{2}-\d{2}|\d{8}|latest)$")


class _Rates(PriceSettings):
    input: float = Field(ge=0, allow_inf_nan=False)
    output: float = Field(ge=0, allow_inf_nan=False)


class PriceSheet(Section):
    """The prices of one provider, by a source, on a day; `models` are names, or patterns with `*` and `?`.

    `batch` is the factor for answers from a batch API, unless a model sets its own.
    """

    provider: str
    as_of: date
    source: str = ""
    batch: float | None = Field(default=None, gt=0, le=1, allow_inf_nan=False)
    models: dict[str, _Rates]

    def prices(self) -> Iterator[tuple[str, Price]]:
        """Yield the price of each name or pattern."""
        for pattern, rates in self.models.items():
            own = rates if rates.batch is not None else rates.model_copy(update={"batch": self.batch})
            yield pattern, Price.of(own, as_of=self.as_of.isoformat(), source=self.source)


class PriceFile(Section):
    """A price file."""

    sheets: tuple[PriceSheet, ...]


@dataclass(frozen=True, slots=True)
class PriceEntry:
    """A line of the table; with `anywhere`, it also applies to models with a `base_url`."""

    provider: str
    pattern: str
    price: Price
    anywhere: bool


class PriceTable:
    """Prices by provider and model; the first matching entry is used."""

    def __init__(self, entries: tuple[PriceEntry, ...]) -> None:
        self.entries = entries

    def of(self, settings: ModelSettings) -> Price | None:
        """Return the price of a configured model: its own, or else that of the table; None if unknown."""
        if settings.price is not None:
            return Price.of(settings.price)
        return self.find(settings.provider, settings.model or "", elsewhere=settings.base_url is not None)

    def find(self, provider: str, model: str, *, elsewhere: bool = False) -> Price | None:
        """Return the price of a provider's model; `elsewhere` means an address other than the provider's own.

        The price of a model of the same name on another server is unknown, unless the user's file has it.
        """
        own = [one for one in self.entries if one.provider == provider and (one.anywhere or not elsewhere)]
        for name in (model, _VERSION.sub("", model)):
            for entry in own:
                if fnmatchcase(name, entry.pattern):
                    return entry.price
        return None


def load(path: Path | None = None) -> PriceTable:
    """Return the table: the entries of the file at `path`, then the built-in ones.

    Raises:
        ConfigurationError: one line for each problem, with its place and how to fix it.
    """
    text = files("app.prices").joinpath("prices.yaml").read_text(encoding="utf-8")
    own = _entries(read(path, what="a price file"), anywhere=True) if path else ()
    return PriceTable((*own, *_entries(parse(text, "prices.yaml"), anywhere=False)))


def _entries(document: Document, *, anywhere: bool) -> tuple[PriceEntry, ...]:
    problems = list(document.problems)
    try:
        sheets = PriceFile.model_validate(document.value).sheets
    except ValidationError as error:
        raise problems_error([*problems, *_explain(error, document)]) from None
    if problems:
        raise problems_error(problems)
    return tuple(
        PriceEntry(sheet.provider, pattern, price, anywhere) for sheet in sheets for pattern, price in sheet.prices()
    )


def _explain(error: ValidationError, document: Document) -> Iterator[Problem]:
    for found in pydantic_errors(error):
        key = found["loc"]
        text = error_text(found, lambda: "a sheet has provider, as_of, source and models; a price has input, output, …")
        yield Problem(place_of(key, document.places), key, text)
