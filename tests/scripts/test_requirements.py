from __future__ import annotations

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "requirements"
NAMES = ("demo.txt", "models.txt", "test.txt")


def pins(name: str) -> dict[str, str]:
    """Return what is locked, without extras: another package may ask for one."""
    return dict(re.findall(r"^([\w.\-]+)(?:\[[\w, \-]+\])?==(\S+)", (FOLDER / name).read_text(), re.MULTILINE))


@pytest.mark.parametrize("name", NAMES)
def test_every_line_is_a_pin_or_a_hash(name: str) -> None:
    lines = (FOLDER / name).read_text().splitlines()
    pin = re.compile(r"[\w.\-]+(\[[\w, \-]+\])?==\S+( ; .+)? \\")
    digest = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")
    assert [line for line in lines if not (pin.fullmatch(line) or digest.fullmatch(line))] == []


def test_what_the_tests_run_on_is_what_the_demo_runs_on() -> None:
    assert pins("demo.txt").items() <= pins("test.txt").items()
