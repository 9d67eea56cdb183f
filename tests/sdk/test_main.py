from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from meta_ai_orchestrator import __main__ as entry
from meta_ai_orchestrator import _path

ROOT = Path(__file__).parents[2]


def test_a_checkout_is_its_own_root() -> None:
    assert _path.server_root() == ROOT
    assert _path.conflict(ROOT) is None


def test_a_wheel_brings_its_server_along(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = tmp_path / "lib" / "python" / "site-packages" / "meta_ai_orchestrator"
    monkeypatch.setattr(_path, "__file__", str(package / "_path.py"))
    assert _path.server_root() == package / "_server"


def test_another_distributions_agents_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stranger = ModuleType("agents")
    stranger.__file__ = str(tmp_path / "agents" / "__init__.py")
    monkeypatch.setitem(sys.modules, "agents", stranger)
    monkeypatch.setattr(sys, "path", list(sys.path))
    with pytest.raises(SystemExit) as caught:
        entry.main()
    assert str(caught.value).startswith(f"meta-ai: the package agents comes from {tmp_path}")
    assert "\n" not in str(caught.value)


def test_a_broken_installation_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(_path, "_origin", lambda _: None)
    assert _path.conflict(tmp_path) == (
        f"the package agents is missing in {tmp_path}; install meta-ai-orchestrator again"
    )


def test_ours_win_over_an_installed_package_of_the_same_name(tmp_path: Path) -> None:
    stranger = tmp_path / "agents"
    stranger.mkdir()
    (stranger / "__init__.py").write_text("raise SystemExit('the stranger was imported')\n")
    program = (
        f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(ROOT / 'sdk' / 'python')!r}];"
        "from meta_ai_orchestrator.__main__ import main; sys.argv = ['meta-ai', '--help']; main()"
    )
    done = subprocess.run(  # noqa: S603  # the program is above
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "Usage: meta-ai" in done.stdout
