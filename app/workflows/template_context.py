"""What templates, expressions and values can name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from app.workflows.kinds.tool_calls import chosen_tool_calls, parsed
from app.workflows.run import WAITING, Run, StepRun


class Steps:
    """The steps by name, each built only when it is read. It has no attribute that could hide a step's name."""

    __slots__ = ("_steps",)

    def __init__(self, steps: Mapping[str, StepRun]) -> None:
        self._steps = steps

    def __getitem__(self, name: str) -> Mapping[str, Any]:
        return _view(self._steps.get(name, WAITING))

    def __contains__(self, name: object) -> bool:
        return name in self._steps

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._steps if "[" not in name)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _view(step: StepRun) -> Mapping[str, Any]:
    """Return what templates see of a step; the output of a retrieval is its chunks."""
    status = "failed" if step.status == "falling_back" else step.status
    return {
        "status": status,
        "output": step.chunks or step.output,
        "chunks": step.chunks,
        "answer": step.output,
        "reason": step.reason,
        "failed": status == "failed",
        "tool_calls": [parsed(call) for call in chosen_tool_calls(step)],
        "error": {"code": step.error.code, "message": step.error.message} if step.error else None,
    }


def context(run: Run, steps: Mapping[str, StepRun], name: str = "") -> Mapping[str, Any]:
    """Return all that can be named; for an item of a map, which its `name` shows, `item` and `index` too."""
    task = {"id": run.task_id, "workflow": run.task.workflow, "version": run.version}
    shown: dict[str, Any] = {
        "input": run.task.input,
        "metadata": run.task.metadata,
        "task": task,
        "steps": Steps(steps),
    }
    base, item, _ = name.partition("[")
    if item:
        index = index_of(name)
        items: Any = steps[items_of(base)].output
        shown |= {"item": items[index], "index": index}
    return shown


def items_of(name: str) -> str:
    """Return the name under which the items of a map are kept: once, apart from its progress."""
    return f"{name}[]"


def item_of(name: str, index: int) -> str:
    """Return the name of the step that a map runs for one item."""
    return f"{name}[{index}]"


def index_of(name: str) -> int:
    """Return the index of the item in a step's name."""
    return int(name.partition("[")[2][:-1])
