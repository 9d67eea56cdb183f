"""The package's own tests: each component keeps what its port promises."""

from __future__ import annotations

from acme import Alphabetical, Drawer, Ledger, Letters, Longest, Parrot, Shelf, discount

from meta_ai_orchestrator.fusion import StrategyOptions
from meta_ai_orchestrator.routing import PolicyOptions
from meta_ai_orchestrator.testing import (
    failures,
    probe_cache,
    probe_connector,
    probe_embedder,
    probe_model,
    probe_policy,
    probe_store,
    probe_strategy,
)


def test_the_model_keeps_its_promises() -> None:
    assert failures(probe_model(Parrot("ready"))) == []


def test_the_function_keeps_its_promises() -> None:
    assert failures(probe_connector(discount, {"price": 10})) == []


def test_the_connector_keeps_its_promises() -> None:
    assert failures(probe_connector(Ledger(), {"account": "a", "amount": 3})) == []


def test_the_embedder_keeps_its_promises() -> None:
    assert failures(probe_embedder(Letters)) == []


def test_the_store_keeps_its_promises() -> None:
    assert failures(probe_store(Shelf)) == []


def test_the_strategy_keeps_its_promises() -> None:
    assert failures(probe_strategy(Longest(StrategyOptions()))) == []


def test_the_policy_keeps_its_promises() -> None:
    assert failures(probe_policy(lambda: Alphabetical(PolicyOptions()))) == []


def test_the_cache_keeps_its_promises() -> None:
    assert failures(probe_cache(Drawer())) == []
