from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from app.workflows.definition import builder, functions
from meta_ai_orchestrator import workflows

SDK = Path(workflows.__file__).parents[1]
PROGRAM = """
from meta_ai_orchestrator.workflows import Flow, to_yaml
flow = Flow("w")
flow.transform("a", flow.input.n + 1)
print(to_yaml(flow.spec()))
"""


def test_that_the_builder_is_exposed_whole() -> None:
    assert workflows.Flow is builder.Flow
    assert workflows.function is functions.function
    assert set(workflows.__all__) <= set(dir(workflows))


def test_that_it_works_where_only_the_package_is_on_the_path(tmp_path: Path) -> None:
    done = subprocess.run(  # noqa: S603  # our own interpreter and program
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path,
        env={"PYTHONPATH": str(SDK)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stderr, done.stdout.strip()) == (
        "",
        "id: w\nsteps:\n  a:\n    kind: transform\n    value: input.n + 1",
    )
