from __future__ import annotations

import logging
from pathlib import Path

import pytest

from app.brokers import distribution
from app.brokers.class_archive import class_archive


def fake_java(folder: Path, release: str = 'JAVA_RUNTIME_VERSION="25.0.2+10"\n') -> Path:
    java = folder / "jre" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text("#!/bin/sh\necho no such option >&2\nexit 1\n")
    java.chmod(0o755)
    (folder / "jre" / "release").write_text(release)
    return java


def test_a_cache_belongs_to_one_build_of_java(tmp_path: Path) -> None:
    (tmp_path / "classes-25.0.2+10.aot").touch()
    assert class_archive(fake_java(tmp_path), tmp_path) == tmp_path / "classes-25.0.2+10.aot"


def test_without_a_cache_kafka_starts_all_the_same(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert class_archive(fake_java(tmp_path), tmp_path) is None
    assert "starts more slowly" in caplog.text
    assert [entry.name for entry in tmp_path.iterdir()] == ["jre"]


@pytest.mark.kafka
def test_the_real_java_makes_one() -> None:
    made = class_archive(distribution.java_executable(), distribution.kafka_home())
    assert made is not None
    assert made.stat().st_size > 10_000_000
