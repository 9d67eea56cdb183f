from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from app.models import base
from app.models.conformance import probe
from meta_ai_orchestrator import adapters

SDK = Path(__file__).parents[2] / "sdk" / "python"


def test_what_it_exports_is_there_and_is_the_servers_own() -> None:
    assert all(hasattr(adapters, name) for name in adapters.__all__)
    assert adapters.Completion is base.Completion
    assert adapters.probe is probe.probe


def test_it_can_be_imported_from_anywhere(tmp_path: Path) -> None:
    program = "from meta_ai_orchestrator.adapters import Prompt; print(Prompt.__module__)"
    done = subprocess.run(  # noqa: S603  # our own interpreter
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={"PYTHONPATH": str(SDK)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert done.stdout == "app.models.base\n"
