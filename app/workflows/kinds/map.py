"""`map`: run a step for each item of a list, at most so many at once.

The items are kept once, under the name `step[]`; the step of an item is a step run of its own, `step[3]`, and is
retried, fused and reported like any other. The map itself only counts.
"""

from __future__ import annotations

from app.errors import ExpressionError
from app.workflows.kinds.base import PassiveKind, StepContext, Transition
from app.workflows.replacing import replace
from app.workflows.run import StepRun
from app.workflows.template_context import item_of, items_of
from topics.base import Failure


class MapKind(PassiveKind):
    """Begins an item when another ends, and ends with the last one."""

    def begin(self, ctx: StepContext) -> Transition:
        """Begin the first items.

        Items may exist already, and even be over: of the last write before a crash, the map's own record may be
        missing.
        """
        kept = ctx.steps.get(items_of(ctx.name)) or _keep(ctx)
        total = len(_list(kept))
        if not total:
            return ctx.succeeded(output=[], reason="no items")
        begun = _fill(replace(ctx, step=replace(ctx.step, status="running", wake_at=ctx.step.ends_at)), total)
        steps = {items_of(ctx.name): kept, **begun.steps}
        resumed = self.resume(replace(ctx, step=begun.step, steps={**ctx.steps, **steps}))
        return Transition(resumed.step, steps={**steps, **resumed.steps})

    def resume(self, ctx: StepContext) -> Transition:
        """Count the items that are over, and begin others in their place."""
        over = {index: item for index in ctx.step.live if (item := ctx.state(item_of(ctx.name, index))).over}
        if not over:
            return Transition(ctx.step)
        failed = [item for _, item in sorted(over.items()) if item.status == "failed"]
        step = replace(ctx.step, live=ctx.step.live.difference(over), lost=ctx.step.lost + len(failed))
        ctx = replace(ctx, step=step)
        total = len(_list(ctx.state(items_of(ctx.name))))
        if failed and not ctx.spec.step.optional and step.lost > ctx.spec.tolerate:
            error = failed[-1].error or Failure(code="workflow", message="an item failed")
            why = f"{step.lost} of {total} items failed, and {ctx.spec.tolerate} may: {error.message}"
            return ctx.failed(Failure(code=error.code, message=why))
        if not step.live and step.begun == total:
            outputs = [ctx.state(item_of(ctx.name, index)).outcome for index in range(total)]
            return ctx.succeeded(output=outputs, reason=f"{total - step.lost} of {total} items")
        return _fill(ctx, total)


def _keep(ctx: StepContext) -> StepRun:
    """Return the step run that keeps the items."""
    items = ctx.compiled.expressions["over"].evaluate(ctx.context())
    if not isinstance(items, list):
        raise ExpressionError(f"step {ctx.name}: over must yield a list, not {_word(items)}")
    if len(items) > ctx.spec.at_most:
        raise ExpressionError(f"step {ctx.name}: {len(items)} items are more than at_most allows ({ctx.spec.at_most})")
    return StepRun(status="succeeded", started_at=ctx.now, ended_at=ctx.now, output=items)


def _word(value: object) -> str:
    if value is None:
        return "null"
    kinds = ((bool, "true or false"), (str, "a text"), (int | float, "a number"), (dict, "an object"))
    return next((word for kind, word in kinds if isinstance(value, kind)), type(value).__name__)


def _fill(ctx: StepContext, total: int) -> Transition:
    """Begin as many items as there is room for."""
    new = range(ctx.step.begun, min(total, ctx.step.begun + ctx.spec.parallel - len(ctx.step.live)))
    step = replace(ctx.step, begun=ctx.step.begun + len(new), live=ctx.step.live | set(new))
    return Transition(step, steps={name: ctx.state(name) for name in (item_of(ctx.name, index) for index in new)})


def _list(step: StepRun) -> list[object]:
    return step.output if isinstance(step.output, list) else []  # type: ignore[return-value]  # JSON values are objects
