from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli.main import build


def test_that_a_limit_of_nothing_is_refused_and_not_taken_for_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["keys", "create", "spender", "--role", "submitter", "--spend-limit", "0"]
    said = CliRunner().invoke(build(), [*arguments, "--bootstrap-servers", "127.0.0.1:1"])
    assert (said.exit_code, "--spend-limit: give more than 0" in said.stderr) == (1, True)
