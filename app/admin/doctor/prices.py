"""Whether the prices that calls are charged at are known and recent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime

from app.admin.doctor.base import Examination, Finding
from app.admin.price_list import ListedPrice, configured_prices
from app.prices import price_table
from app.prices.price import CONFIGURED
from app.settings import ModelSettings

#: In days: a price that is older may have changed.
OLD = 365


class Prices:
    """Looks at the price of each configured model."""

    name = "prices"
    needs_broker = needs_network = False

    async def findings(self, examined: Examination) -> AsyncIterator[Finding]:
        """Yield what is wrong with a price, or else that all are fine."""
        today = datetime.fromtimestamp(examined.now(), UTC).date()
        listed = configured_prices(price_table.load(examined.settings.prices), examined.settings)
        found = [one for price in listed if (one := self._of(price, today, examined.settings.models[price.model]))]
        for one in found:
            yield one
        if not found:
            yield Finding(
                self.name, "ok", "prices", "the prices of all models are known and recent, or they cost nothing"
            )

    def _of(self, price: ListedPrice, today: date, model: ModelSettings) -> Finding | None:
        key = f"models.{price.model}.price"
        if not price.known:
            if not (model.api_key or model.api_keys):  # as a server on this machine
                return None
            message = f"the price of {price.provider_model or price.provider} is not known: its calls count as free"
            return Finding(self.name, "warning", price.model, message, f"set {key}")
        if price.as_of in {"", CONFIGURED} or (today - date.fromisoformat(price.as_of)).days <= OLD:
            return None
        return Finding(
            self.name, "warning", price.model, f"its price is of {price.as_of}", f"compare it, and set {key}"
        )
