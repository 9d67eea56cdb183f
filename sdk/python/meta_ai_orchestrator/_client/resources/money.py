"""What it costs: `client.spend`, `client.budgets` and `client.prices`."""

from __future__ import annotations

from typing import Literal

from meta_ai_orchestrator._client.actions import Emits, Steps
from meta_ai_orchestrator._client.calls import get
from meta_ai_orchestrator._client.endpoints import Endpoint, Listed, Mode, Resource
from meta_ai_orchestrator.types import BudgetRow, ListedPrice, SpendReport


class Spend(Resource[Mode]):
    """What was spent."""

    @Endpoint
    def get(
        self,
        *,
        by: Literal["model", "workflow", "tenant", "day", "provider", "step"] | None = None,
        window: str | float | None = None,
        tenant: str | None = None,
        workflow: str | None = None,
    ) -> Steps[SpendReport]:
        """Return what was spent in the last `window` (seconds, or as in `7d`; a day by default), and the total."""
        call = get(SpendReport, "/v1/spend", by=by, window=window, tenant=tenant, workflow=workflow)
        return self._core.report(call)


class Budgets(Resource[Mode]):
    """Budgets."""

    @Listed
    def list(self, *, name: str | None = None, limit: int | None = None) -> Emits[BudgetRow]:
        """List the limit of each budget, what it has spent and reserved, and when it renews."""
        return self._core.pages("/v1/budgets", BudgetRow, {"name": name, "limit": limit})


class Prices(Resource[Mode]):
    """Prices of models."""

    @Listed
    def list(self, *, all: bool = False, limit: int | None = None) -> Emits[ListedPrice]:  # noqa: A002  # its name
        """List the price of each configured model, or of `all` known ones."""
        return self._core.pages("/v1/prices", ListedPrice, {"all": all or None, "limit": limit})
