from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest

from app import entry_points
from app.secret_sources import registry
from app.secret_sources.registry import GROUP, SecretMissing


@pytest.fixture(autouse=True)
def _package(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that adds two sources."""
    module = ModuleType("keyring_of_ours")
    module.read = lambda name: f"the secret {name}"  # type: ignore[attr-defined]

    def fail(name: str) -> str:
        raise RuntimeError(f"planted {name}")

    module.fail = fail  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring_of_ours", module)
    found = {
        name: EntryPoint(name, value, GROUP)
        for name, value in (
            ("keyring", "keyring_of_ours:read"),
            ("failing", "keyring_of_ours:fail"),
            ("absent", "keyring_of_ours:none"),
            ("file", "keyring_of_ours:read"),
        )
    }
    monkeypatch.setattr(entry_points, "installed", lambda group: found if group == GROUP else {})


def test_that_a_package_can_add_a_source_and_replace_none() -> None:
    assert registry.read("keyring", "a/b") == "the secret a/b"
    with pytest.raises(SecretMissing, match="not a whole path"):
        registry.read("file", "a/b")


def test_that_the_error_of_a_source_is_not_repeated_since_it_may_hold_the_secret() -> None:
    with pytest.raises(SecretMissing, match=r"^the secret source failing failed: RuntimeError$"):
        registry.read("failing", "a")
    with pytest.raises(SecretMissing, match=r"^the secret source absent cannot be loaded: AttributeError$"):
        registry.read("absent", "a")


def test_that_a_misspelt_source_is_named_with_what_is_meant() -> None:
    with pytest.raises(SecretMissing, match="there is no secret source 'valt'; did you mean `vault`"):
        registry.read("valt", "a")
