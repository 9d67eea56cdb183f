from __future__ import annotations

import dataclasses
from dataclasses import FrozenInstanceError

import pytest

from app.workflows.kinds.base import StepContext
from app.workflows.replacing import replace
from app.workflows.run import Run, StepRun


def test_that_it_does_what_the_standard_library_does() -> None:
    step = StepRun(status="running", outstanding=frozenset({"a"}), output={"deep": [1]})
    changed = replace(step, status="succeeded", ended_at=3.0)
    assert changed == dataclasses.replace(step, status="succeeded", ended_at=3.0)
    assert (step.status, step.ended_at) == ("running", 0.0)


def test_that_what_did_not_change_is_shared() -> None:
    step = StepRun(output={"deep": [1]})
    assert replace(step, status="running").output is step.output


def test_that_the_copy_is_frozen_too() -> None:
    with pytest.raises(FrozenInstanceError):
        replace(StepRun(), attempt=2).attempt = 3  # type: ignore[misc]  # what is to be refused


@pytest.mark.parametrize("kind", [StepContext, Run, StepRun])
def test_that_what_it_copies_has_no_slots_and_checks_nothing(kind: type) -> None:
    assert not any("__slots__" in vars(base) for base in kind.__mro__ if base is not object)
    assert not hasattr(kind, "__post_init__")
