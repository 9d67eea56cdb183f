"""The price of a model, and what tokens cost by it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from app.settings import PriceSettings
from topics.model_responses import Usage

_MILLION = 1_000_000
#: What `as_of` says of a price that the settings give: whoever wrote it knows its age.
CONFIGURED = "configuration"


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens.

    `as_of` is the day on which `source` said so, or `configuration` for a price of the settings. Reasoning tokens
    are a part of the output, and cached input is a part of the input; each may have a price of its own. `batch` is the
    part of all that which an answer out of a batch costs.
    """

    input: float
    cached_input: float
    output: float
    reasoning: float
    as_of: str
    source: str
    batch: float = 1.0

    @classmethod
    def of(cls, rates: PriceSettings, *, as_of: str = CONFIGURED, source: str = CONFIGURED) -> Self:
        """Return the price by these rates."""
        cached = rates.input if rates.cached_input is None else rates.cached_input
        reasoning = rates.output if rates.reasoning is None else rates.reasoning
        batch = 1.0 if rates.batch is None else rates.batch
        return cls(rates.input, cached, rates.output, reasoning, as_of, source, batch)

    def cost(self, usage: Usage, *, batched: bool = False) -> float:
        """Return what these tokens cost in US dollars, to a millionth of a millionth; never less than nothing."""
        cached, read = _parts(usage.cached_input_tokens, usage.input_tokens)
        reasoning_part, written = _parts(usage.reasoning_tokens, usage.output_tokens)
        millionths = (
            read * self.input + cached * self.cached_input + written * self.output + reasoning_part * self.reasoning
        )
        return round(millionths / _MILLION * (self.batch if batched else 1.0), 12)


def _parts(part: int, whole: int) -> tuple[int, int]:
    """Return a part of a whole and the rest of it; a provider may count a part that is larger than the whole."""
    whole = max(whole, 0)
    part = min(max(part, 0), whole)
    return part, whole - part
