"""The prices of the configured models, of one model, or of all known models."""

from __future__ import annotations

from app.errors import ConfigurationError
from app.prices.price import Price
from app.prices.price_table import PriceTable
from app.runs.views import View
from app.settings import Settings
from app.suggestions import closest_match


class ListedPrice(View):
    """The price of a model, in US dollars per million tokens; unset unless `known`.

    `model` is the name in the configuration, or empty, `provider_model` the provider's.
    """

    model: str = ""
    provider: str
    provider_model: str
    known: bool
    input: float | None = None
    cached_input: float | None = None
    output: float | None = None
    reasoning: float | None = None
    as_of: str = ""
    source: str = ""


def configured_prices(table: PriceTable, settings: Settings) -> list[ListedPrice]:
    """Return the configured models with the prices used for them."""
    return [
        _listed(table.of(model), model.provider, model.model or "", name) for name, model in settings.models.items()
    ]


def all_prices(table: PriceTable) -> list[ListedPrice]:
    """Return the whole table."""
    return [_listed(entry.price, entry.provider, entry.pattern) for entry in table.entries]


def prices_of(table: PriceTable, settings: Settings, name: str) -> list[ListedPrice]:
    """Return the price of the configured model `name`, or of a provider's model, written `model` or `provider/model`.

    Raises:
        ConfigurationError: the model has no known price.
    """
    if name in settings.models:
        return [one for one in configured_prices(table, settings) if one.model == name]
    first, _, rest = name.partition("/")
    providers = dict.fromkeys(entry.provider for entry in table.entries)
    asked = [(provider, name) for provider in providers] + [(first, rest)]
    found = [_listed(price, *model) for model in asked if (price := table.find(*model))]
    if not found:
        known = {*settings.models, *(entry.pattern for entry in table.entries)}
        near = closest_match(name, known) or closest_match(rest, known)
        hint = f"did you mean `{near}`? " if near else ""
        raise ConfigurationError(
            f"unknown model {name}: it is not configured and has no known price; {hint}see docs/costs.md"
        )
    return found


def _listed(price: Price | None, provider: str, provider_model: str, model: str = "") -> ListedPrice:
    if price is None:
        return ListedPrice(model=model, provider=provider, provider_model=provider_model, known=False)
    return ListedPrice(
        model=model,
        provider=provider,
        provider_model=provider_model,
        known=True,
        input=price.input,
        cached_input=price.cached_input,
        output=price.output,
        reasoning=price.reasoning,
        as_of=price.as_of,
        source=price.source,
    )
