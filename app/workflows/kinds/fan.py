"""`map`: run a step for each item of a list, at most so many at once.

The items are kept once, under the name `step[]`; each item's step is a step run of its own, `step[3]`, and
is tried again, fused and reported like any other. The map itself only counts.
"""

from __future__ import annotations

from app.errors import ExpressionError
from app.workflows.context import item_of, items_of
from app.workflows.kinds.base import Moment, Move, Still
from app.workflows.replacing import replace
from app.workflows.run import StepRun
from topics.base import Failure


class MapKind(Still):
    """Begins items as others end, and ends with the last."""

    def begin(self, at: Moment) -> Move:
        """Begin the first items.

        Items may be there already, and even be over: of the last write before a crash, the map's own record may
        be missing.
        """
        kept = at.steps.get(items_of(at.name)) or _keep(at)
        total = len(_list(kept))
        if not total:
            return at.succeeded(output=[], reason="no items")
        begun = _fill(replace(at, step=replace(at.step, status="running", wake_at=at.step.ends_at)), total)
        steps = {items_of(at.name): kept, **begun.steps}
        settled = self.settle(replace(at, step=begun.step, steps={**at.steps, **steps}))
        return Move(settled.step, steps={**steps, **settled.steps})

    def settle(self, at: Moment) -> Move:
        """Count the items that are over, and begin others in their place."""
        over = {index: item for index in at.step.live if (item := at.state(item_of(at.name, index))).over}
        if not over:
            return Move(at.step)
        failed = [item for _, item in sorted(over.items()) if item.status == "failed"]
        step = replace(at.step, live=at.step.live.difference(over), lost=at.step.lost + len(failed))
        at = replace(at, step=step)
        total = len(_list(at.state(items_of(at.name))))
        if failed and not at.spec.step.optional and step.lost > at.spec.tolerate:
            error = failed[-1].error or Failure(code="workflow", message="an item failed")
            why = f"{step.lost} of {total} items failed, and {at.spec.tolerate} may: {error.message}"
            return at.failed(Failure(code=error.code, message=why))
        if not step.live and step.begun == total:
            outputs = [at.state(item_of(at.name, index)).outcome for index in range(total)]
            return at.succeeded(output=outputs, reason=f"{total - step.lost} of {total} items")
        return _fill(at, total)


def _keep(at: Moment) -> StepRun:
    """Return the items, as they are kept."""
    items = at.part.expressions["over"].evaluate(at.context())
    if not isinstance(items, list):
        raise ExpressionError(f"step {at.name}: over must yield a list, not {_word(items)}")
    if len(items) > at.spec.at_most:
        raise ExpressionError(f"step {at.name}: {len(items)} items are more than at_most allows ({at.spec.at_most})")
    return StepRun(status="succeeded", started_at=at.now, ended_at=at.now, output=items)


def _word(value: object) -> str:
    if value is None:
        return "null"
    kinds = ((bool, "true or false"), (str, "a text"), (int | float, "a number"), (dict, "an object"))
    return next((word for kind, word in kinds if isinstance(value, kind)), type(value).__name__)


def _fill(at: Moment, total: int) -> Move:
    """Begin as many items as there is room for."""
    new = range(at.step.begun, min(total, at.step.begun + at.spec.parallel - len(at.step.live)))
    step = replace(at.step, begun=at.step.begun + len(new), live=at.step.live | set(new))
    return Move(step, steps={name: at.state(name) for name in (item_of(at.name, index) for index in new)})


def _list(step: StepRun) -> list[object]:
    return step.output if isinstance(step.output, list) else []  # type: ignore[return-value]  # JSON values are objects
