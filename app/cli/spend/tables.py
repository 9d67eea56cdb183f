"""Costs and prices for people: tables, bars and notes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from rich.cells import cell_len, set_cell_size

from app.admin.price_list import ListedPrice
from app.admin.spend_totals import GroupBy, SpendRow
from app.cli.output import Output, one_line

#: The longest bar, and the shortest that says anything.
_BAR, _LEAST_BAR = 50, 10
#: What an empty name stands for, such as tasks without a tenant.
_NO_NAME = "(none)"


def show(output: Output, rows: Sequence[SpendRow], total: SpendRow, by: GroupBy, *, plot: bool) -> None:
    """Print what was spent, one line for each group, and the total."""
    if not rows:
        output.say("nothing was spent")
        return
    if plot:
        for line in bars(rows, output.width):
            output.say(line)
    else:
        columns = (by, "calls", "input", "cached input", "output", "cost", "share", "without price")
        expendable = ("cached input", "share", "output", "input", "calls")
        output.table(columns, _cells([*rows, total]), keep=("cost",), expendable=expendable)
    for note in notes(total):
        output.note(note)


def bars(rows: Sequence[SpendRow], columns: int | None = None) -> Iterator[str]:
    """Yield one line for each of the rows, at least one: its name, a bar as long as its cost, and the cost.

    On a terminal of so many `columns`, the bars have what names and costs leave, but are no shorter than 10.
    """
    most, costs = max(row.cost for row in rows), _amounts(rows)
    width = max(cell_len(_name(row)) for row in rows)
    left = _BAR if columns is None else columns - width - len(costs[0]) - 4
    longest = max(_LEAST_BAR, min(_BAR, left))
    for row, cost in zip(rows, costs, strict=True):
        length = round(row.cost / most * longest) if most else 0
        # Anything that cost money gets a visible bar.
        bar = "#" * max(length, 1 if row.cost else 0)
        yield f"{set_cell_size(_name(row), width)}  {bar:<{longest}}  {cost}"


def notes(total: SpendRow) -> Iterator[str]:
    """Yield notes on what is not in the table, or only estimated."""
    if total.given_up:
        yield f"{format_money(total.given_up)} of it was spent on answers that do not count"
    if total.saved:
        yield f"{format_money(total.saved)} was saved by the response cache"
    if total.estimated_tokens:
        yield f"{total.estimated_tokens:,} tokens are estimated: their providers reported no usage"
    if total.unpriced_tokens:
        yield f"{total.unpriced_tokens:,} tokens have no price and are not in the cost: meta-ai spend prices"


def show_prices(output: Output, found: Sequence[ListedPrice]) -> None:
    """Print prices."""
    columns = ("model", "provider", "model name", "input", "cached", "output", "reasoning", "as of", "source")
    expendable = ("source", "as of", "reasoning", "cached", "provider")
    rows = [_price(one) for one in found]
    output.table(columns, rows, "US dollars per million tokens", keep=("model name",), expendable=expendable)
    output.note("prices change: compare with the provider; override them in models.NAME.price or `prices`")


def format_money(dollars: float, decimals: int | None = None) -> str:
    """Return an amount with `decimals`, or with as many as it needs; a smaller amount is not shown as zero."""
    places = decimals_needed(dollars) if decimals is None else decimals
    least = 10.0**-places
    return f"${dollars:,.{places}f}" if not dollars or dollars >= least / 2 else f"<${least:.{places}f}"


def decimals_needed(dollars: float) -> int:
    """Return the decimals for cents; below a dollar, for hundredths of a cent and three significant digits."""
    return 2 if not dollars or dollars >= 1 else max(4, 2 - math.floor(math.log10(dollars)))


def _amounts(rows: Sequence[SpendRow]) -> list[str]:
    """Return the costs aligned, with decimals for the smallest, but few more than for the largest."""
    costs = [row.cost for row in rows]
    decimals = min(max(map(decimals_needed, costs)), decimals_needed(max(costs)) + 2)
    said = [format_money(cost, decimals) for cost in costs]
    width = max(map(len, said))
    return [one.rjust(width) for one in said]


def _name(row: SpendRow) -> str:
    return one_line(row.name) or _NO_NAME


def _cells(rows: Sequence[SpendRow]) -> Iterator[tuple[object, ...]]:
    for row, cost in zip(rows, _amounts(rows), strict=True):
        counts = (row.calls, row.input_tokens, row.cached_input_tokens, row.output_tokens)
        unpriced = f"{row.unpriced_tokens:,}" if row.unpriced_tokens else ""
        yield (_name(row), *counts, cost, f"{row.share:6.1%}", unpriced)


def _price(one: ListedPrice) -> tuple[object, ...]:
    rates = (one.input, one.cached_input, one.output, one.reasoning)
    said = [f"{rate:g}" for rate in rates if rate is not None] or ["?"] * len(rates)
    return (one.model, one.provider, one.provider_model, *said, one.as_of or "not known", one.source)
