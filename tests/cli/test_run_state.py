from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli import run_state
from app.cli.run_state import FolderTaken, RunState


def _state(pid: int) -> RunState:
    return RunState(bootstrap_servers="127.0.0.1:1", pid=pid, http="127.0.0.1:2", app_id="x", prefix="p.")


def test_it_is_there_while_the_context_lasts(tmp_path: Path) -> None:
    path = run_state.path_for(tmp_path / "meta-ai.yaml", {})
    with run_state.published(path, _state(os.getpid())):
        assert run_state.read(path) == _state(os.getpid())
    assert run_state.read(path) is None
    assert list(tmp_path.iterdir()) == []


def test_what_another_process_said_meanwhile_is_left_alone(tmp_path: Path) -> None:
    path = run_state.path_for(tmp_path / "meta-ai.yaml", {})
    later = _state(os.getpid()).model_copy(update={"http": "127.0.0.1:3"})
    with run_state.published(path, _state(os.getpid())):
        path.write_text(later.model_dump_json())
    assert run_state.read(path) == later


def test_the_state_of_a_dead_process_counts_as_none(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    path = tmp_path / "run.json"
    path.write_text(_state(child.pid).model_dump_json())
    assert run_state.read(path) is None


def test_garbage_counts_as_none(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(b"\xff{")
    assert run_state.read(path) is None


def test_it_lies_beside_the_configuration() -> None:
    assert run_state.path_for(Path("a/b.yaml"), {}) == Path("a/.meta-ai/run.json")
    assert run_state.path_for(None, {"META_AI_CONFIG": "c/d.yaml"}) == Path("c/.meta-ai/run.json")
    assert run_state.path_for(None, {}) == Path(".meta-ai/run.json")


def test_a_folder_is_claimed_once_and_then_left_as_it_was(tmp_path: Path) -> None:
    path = run_state.path_for(tmp_path / "meta-ai.yaml", {})
    with run_state.claimed(path):
        with (
            pytest.raises(FolderTaken, match=f"already runs in {tmp_path} .it is just starting"),
            run_state.claimed(path),
        ):
            pass
        with (
            run_state.published(path, _state(os.getpid())),
            pytest.raises(FolderTaken, match=rf"\(process {os.getpid()}, with its broker at 127\.0\.0\.1:1\); stop it"),
            run_state.claimed(path),
        ):
            pass
    assert list(tmp_path.iterdir()) == []
    with run_state.claimed(path):
        assert path.parent.is_dir()


def test_what_else_is_in_the_folder_stays(tmp_path: Path) -> None:
    path = run_state.path_for(tmp_path / "meta-ai.yaml", {})
    (path.parent / "kafka").mkdir(parents=True)
    with run_state.claimed(path):
        pass
    assert [one.name for one in path.parent.iterdir()] == ["kafka"]


def test_a_file_that_was_left_behind_does_not_count(tmp_path: Path) -> None:
    path = run_state.path_for(tmp_path / "meta-ai.yaml", {})
    path.parent.mkdir()
    path.with_suffix(".lock").touch()
    with run_state.claimed(path):
        pass
    assert list(tmp_path.iterdir()) == []
