from __future__ import annotations

from pathlib import Path

import pytest

from app.brokers import node
from app.brokers.data_dir import DataDir
from app.errors import BrokerError


def test_only_this_machine_can_connect() -> None:
    settings = node.properties(Path("log"), 20_001, 20_002)
    assert settings["listeners"] == "PLAINTEXT://127.0.0.1:20001,CONTROLLER://127.0.0.1:20002"
    assert settings["advertised.listeners"] == "PLAINTEXT://127.0.0.1:20001"


def test_backslashes_survive_javas_way_of_reading(tmp_path: Path) -> None:
    node.write(tmp_path / "p", {"log.dirs": "C:\\data"})
    assert (tmp_path / "p").read_text() == "log.dirs=C:\\\\data\n"


def test_the_class_cache_is_used_when_there_is_one(tmp_path: Path) -> None:
    (tmp_path / "b.jar").touch()
    (tmp_path / "a.jar").touch()
    command = node.Jvm(Path("java"), tmp_path, tmp_path / "c.aot").kafka(Path("p"))
    assert f"-XX:AOTCache={tmp_path / 'c.aot'}" in command
    # The cache is good only for the same jars in the same order.
    assert f"{tmp_path / 'a.jar'}:{tmp_path / 'b.jar'}" in command


def fake_java(folder: Path, script: str) -> Path:
    java = folder / "java"
    java.write_text(f"#!/bin/sh\n{script}\n")
    java.chmod(0o755)
    return java


def test_a_format_that_fails_says_why_and_leaves_no_log(tmp_path: Path) -> None:
    data = DataDir(tmp_path)
    jvm = node.Jvm(fake_java(tmp_path, "echo disk full >&2; exit 1"), tmp_path)
    with pytest.raises(BrokerError, match="disk full"):
        node.format_log(jvm, data, {})
    assert not data.log.exists()


def test_a_format_that_was_interrupted_is_begun_again(tmp_path: Path) -> None:
    data = DataDir(tmp_path)
    (tmp_path / "log.new").mkdir()
    (tmp_path / "log.new" / "half").touch()
    node.format_log(node.Jvm(fake_java(tmp_path, f"mkdir {tmp_path}/log.new"), tmp_path), data, {})
    assert list(data.log.iterdir()) == []
