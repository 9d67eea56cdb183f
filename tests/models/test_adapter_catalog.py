from __future__ import annotations

from pathlib import Path

import pytest

from app.errors import ConfigurationError
from app.models import adapter_catalog
from app.models.adapter_catalog import Adapter, Option
from app.models.openai.providers import OPENAI_PROVIDERS
from app.models.registry import COMPONENTS

THEIRS = '''
from app.models.scripted.adapter import Scripted


class Theirs(Scripted):
    """Says what it is told, loudly."""

    options = None
    example = {"model": "loud"}
    features = property(lambda self: frozenset())
'''


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "loud_models-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: loud-models\nVersion: 1.2\n")
    points = "loud = catalogued_theirs:Theirs\nbroken = no_such_module:X\nscripted = no_such_module:Thief\n"
    (info / "entry_points.txt").write_text(f"[meta_ai_orchestrator.models]\n{points}")
    (tmp_path / "catalogued_theirs.py").write_text(THEIRS)
    monkeypatch.syspath_prepend(str(tmp_path))


def test_all_built_in_adapters_are_there_in_order() -> None:
    names = [one.name for one in adapter_catalog.list_adapters() if one.source == "built in"]
    assert names == sorted(COMPONENTS)


def test_what_an_adapter_needs_is_said() -> None:
    known = {one.name: one for one in adapter_catalog.list_adapters()}

    assert known["local"] == Adapter("local", "built in", "llama.cpp, in this process", "local", "")
    assert known["anthropic"].key == "ANTHROPIC_API_KEY"
    assert {known[name].key for name in OPENAI_PROVIDERS} == {
        host.provider_defaults.key or "" for host in OPENAI_PROVIDERS.values()
    }


@pytest.mark.usefixtures("plugin")
def test_those_of_packages_are_there_with_their_package_and_cannot_take_a_name() -> None:
    known = {one.name: one for one in adapter_catalog.list_adapters()}

    assert known["loud"].source == "loud-models 1.2"
    assert known["scripted"].source == "built in"


@pytest.mark.usefixtures("plugin")
def test_one_of_a_package_describes_itself() -> None:
    one = adapter_catalog.describe_adapter("loud")

    assert one.summary == "Says what it is told, loudly."
    assert one.features is None
    assert one.example == {"provider": "loud", "model": "loud"}


@pytest.mark.usefixtures("plugin")
def test_one_that_cannot_be_loaded_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"broken \(no_such_module:X\) cannot be loaded"):
        adapter_catalog.describe_adapter("broken")


@pytest.mark.parametrize("name", sorted(COMPONENTS))
def test_each_describes_itself_with_features_options_and_an_example(name: str) -> None:
    one = adapter_catalog.describe_adapter(name)

    assert one.summary
    assert one.features
    assert one.options
    assert one.example["provider"] == name


def test_options_have_their_defaults_and_what_they_are() -> None:
    options = {option.name: option for option in adapter_catalog.describe_adapter("local").options or ()}

    assert options["context"] == Option("context", 4096, "tokens of prompt and answer together")
    assert options["path"].default is None


def test_an_unknown_one_is_answered_with_the_known_ones() -> None:
    with pytest.raises(
        ConfigurationError,
        match=r"^there is no provider 'opnai'; did you mean `openai`\?$",
    ):
        adapter_catalog.describe_adapter("opnai")
