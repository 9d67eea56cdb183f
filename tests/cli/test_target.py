from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.cli import run_state, target
from app.errors import BrokerError, ConfigurationError
from app.settings import Settings


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("META_AI_CONFIG", "KAFKA_BOOTSTRAP_SERVERS"):
        monkeypatch.delenv(name, raising=False)


def _running() -> run_state.RunState:
    return run_state.RunState(bootstrap_servers="here:1", pid=os.getpid(), http="here:2", app_id="run", prefix="p.")


def test_who_runs_here_is_found_with_its_names() -> None:
    with run_state.published(run_state.path_for(None, {}), _running()):
        found = target.find(None, None)
    assert (found.broker.bootstrap_servers, found.app_id, found.topics.prefix) == ("here:1", "run", "p.")


def test_the_option_stands_above_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "environment:1")
    with run_state.published(run_state.path_for(None, {}), _running()):
        assert target.find(None, "option:1").broker.bootstrap_servers == "option:1"
        assert target.find(None, None).broker.bootstrap_servers == "environment:1"


def test_nobody_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(BrokerError, match="meta-ai orchestrator run"):
        target.find(None, None)


def test_another_kind_replaces_the_configured_one() -> None:
    assert target.with_broker(Settings(), "kafka", None).broker.kind == "kafka"
    assert target.with_broker(Settings(), None, None) == Settings()
    assert target.with_broker(Settings(), None, "a:1").broker.kind == "cluster"


def test_a_cluster_without_servers_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="needs --bootstrap-servers"):
        target.with_broker(Settings(), "cluster", None)
