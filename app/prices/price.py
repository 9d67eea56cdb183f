"""The price of a model, and the cost of tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from app.settings import PriceSettings
from topics.model_responses import Usage

_MILLION = 1_000_000
#: The `as_of` of a price in the settings: its author knows how old it is.
CONFIGURED = "configuration"


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens.

    `as_of` is the date of `source`, or `configuration` for a price of the settings. Reasoning tokens are a part of the
    output, cached input and what is written to the cache are parts of the input; each may have its own price. `batch`
    is the factor for answers from a batch API.
    """

    input: float
    cached_input: float
    output: float
    reasoning: float
    as_of: str
    source: str
    batch: float = 1.0
    cache_write: float | None = None

    @classmethod
    def of(cls, rates: PriceSettings, *, as_of: str = CONFIGURED, source: str = CONFIGURED) -> Self:
        """Return the price with these rates."""
        cached = rates.input if rates.cached_input is None else rates.cached_input
        reasoning = rates.output if rates.reasoning is None else rates.reasoning
        batch = 1.0 if rates.batch is None else rates.batch
        return cls(rates.input, cached, rates.output, reasoning, as_of, source, batch, rates.cache_write)

    def cost(self, usage: Usage, *, batched: bool = False) -> float:
        """Return the cost of these tokens in US dollars, rounded to picodollars; never negative."""
        cached, uncached = _parts(usage.cached_input_tokens, usage.input_tokens)
        stored, read = _parts(usage.cache_write_tokens, uncached)
        reasoning_part, written = _parts(usage.reasoning_tokens, usage.output_tokens)
        millionths = (
            read * self.input
            + cached * self.cached_input
            + stored * (self.input if self.cache_write is None else self.cache_write)
            + written * self.output
            + reasoning_part * self.reasoning
        )
        return round(millionths / _MILLION * (self.batch if batched else 1.0), 12)


def _parts(part: int, whole: int) -> tuple[int, int]:
    """Return a part of a whole and the rest; a provider may report a part larger than the whole."""
    whole = max(whole, 0)
    part = min(max(part, 0), whole)
    return part, whole - part
