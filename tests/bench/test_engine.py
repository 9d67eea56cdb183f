from __future__ import annotations

from argparse import Namespace

import pytest

from app.workflows.definition.definitions import Definition
from app.workflows.definition.spec import Workflow
from bench.engine import SHAPES, Case, chain, fan, main


def definition(steps: dict[str, object]) -> Definition:
    return Definition(Workflow.model_validate({"id": "w", "steps": steps}))


def test_each_step_of_a_chain_waits_for_the_one_before() -> None:
    assert definition(chain(3)).needs == {"s0": frozenset(), "s1": {"s0"}, "s2": {"s1"}}


def test_the_last_step_of_a_fan_waits_for_all_others() -> None:
    made = definition(fan(3))
    assert made.needs == {"s0": frozenset(), "s1": frozenset(), "last": {"s0", "s1"}}
    assert made.answer == "last"


@pytest.mark.parametrize("shape", SHAPES)
def test_a_run_has_an_event_for_each_step_and_one_for_its_task(shape: str) -> None:
    assert len(Case.of(shape, 12).life(0, "Yes.").seconds) == 13


def test_times_are_of_at_least_so_many_events() -> None:
    _, events, median, most, a_step = Case.of("chain", 4).times(11)
    assert events == 15
    assert 0 < median <= most
    assert a_step > 0


def test_writing_the_whole_state_each_time_grows_with_the_steps_and_writing_what_changed_does_not() -> None:
    few, many = Case.of("fan", 5).bytes(), Case.of("fan", 50).bytes()
    assert many[0] == pytest.approx(few[0], rel=0.3)
    assert many[1] > 5 * few[1]
    assert many[2] == pytest.approx(many[1] / many[0])


def test_the_tables_have_a_row_for_each_shape_and_number_of_steps(capsys: pytest.CaptureFixture[str]) -> None:
    main(Namespace(steps=[2, 3], events=2))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("|")[1].strip() for line in lines if line.startswith("|")] == 2 * [
        "shape",
        lines[1].split("|")[1],
        *(shape for shape in SHAPES for _ in range(2)),
    ]
    assert [line.split("|")[-2].strip() for line in lines[2:8:2]] == ["1", "1", "1"]
