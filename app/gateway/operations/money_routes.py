"""`/v1/spend`, `/v1/budgets` and `/v1/prices`: what runs cost, and may cost."""

from __future__ import annotations

from functools import cache
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from app.admin import budgets, price_list, spend_totals
from app.admin.budgets import BudgetRow
from app.admin.price_list import ListedPrice
from app.admin.spend_totals import GroupBy, SpendRow, SpendTotals
from app.gateway.access.admission import Caller
from app.gateway.access.rights import tenant_for
from app.gateway.openapi import refusals
from app.gateway.operations.windows import Place, Window, require_readable
from app.gateway.parts import Parts
from app.gateway.rest.pages import Cursor, Filter, Limit, page_by_name
from app.prices import price_table
from app.prices.price_table import PriceTable
from topics import SPEND

_DAY = 86400.0
All = Annotated[bool, Query(alias="all", description="all known models, not only the configured ones")]


class SpendReport(BaseModel):
    """What was spent, most expensive first (days in order), the sum of all, and the cursor of the next page."""

    data: list[SpendRow]
    total: SpendRow
    next: str | None = None


class BudgetList(BaseModel):
    """Budgets by name, and the cursor of the next page."""

    data: list[BudgetRow]
    next: str | None = None


class PriceList(BaseModel):
    """Prices, and the cursor of the next page."""

    data: list[ListedPrice]
    next: str | None = None


def routes(parts: Parts) -> APIRouter:
    """Return the routes."""
    router = APIRouter()

    @cache
    def prices_table() -> PriceTable:
        return price_table.load(parts.settings.prices)

    @router.get("/v1/spend", responses=refusals())
    async def spend(  # one for each parameter
        caller: Caller,
        *,
        by: GroupBy = "model",
        window: Window = _DAY,
        tenant: Filter = None,
        workflow: Filter = None,
        limit: Limit = 20,
        cursor: Cursor = "",
    ) -> SpendReport:
        """Tell what model calls have cost, in one line for each group."""
        place, sums = Place.of(window, cursor), SpendTotals(by)
        own = tenant if caller.tenant is None else tenant_for(caller, tenant or "")
        wanted = {name: value for name, value in (("tenant", own), ("workflow", workflow)) if value is not None}
        async with parts.scanning():
            await require_readable(parts, place.since, SPEND)
            await spend_totals.read(parts.client, sums, place.since, wanted, place.until)
        rows = sums.rows()
        data = rows[place.skip : place.skip + limit]
        return SpendReport(data=data, total=sums.total(), next=place.next(limit, len(rows)))

    @router.get("/v1/budgets", responses=refusals())
    async def all_budgets(name: Filter = None, limit: Limit = 20, cursor: Cursor = "") -> BudgetList:
        """Tell the limit of each budget, what it has spent and reserved, and when it renews."""
        async with parts.scanning():
            found = await budgets.read(parts.client)
        wanted = [row for row in found if name in {None, row.budget.partition(":")[0]}]
        page = page_by_name(wanted, lambda row: row.budget, cursor, limit)
        return BudgetList(data=list(page.rows), next=page.next)

    @router.get("/v1/prices", responses=refusals())
    async def prices(*, all_: All = False, limit: Limit = 20, cursor: Cursor = "") -> PriceList:
        """Tell the price that is used for each configured model, its date and its source."""
        table = prices_table()
        found = price_list.all_prices(table) if all_ else price_list.configured_prices(table, parts.settings)
        numbered = {f"{number:08}": row for number, row in enumerate(found)}
        page = page_by_name(list(numbered), str, cursor, limit)
        return PriceList(data=[numbered[name] for name in page.rows], next=page.next)

    return router
