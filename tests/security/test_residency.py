from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.errors import ResidencyError
from app.security.residency import Residency
from app.settings import Settings

MODELS = {
    "here": {"provider": "local"},
    "abroad": {"provider": "scripted", "region": "us"},
    "near": {"provider": "openai", "region": "eu"},
    "somewhere": {"provider": "openai"},
}


def residency(**settings: Any) -> Residency:
    bound = {"region": "eu", "tenants": {"acme": ["eu", "ch"]}}
    return Residency(Settings.model_validate({"models": MODELS, "residency": bound, **settings}))


def test_that_a_bound_tenant_gets_the_models_of_its_regions_in_their_order() -> None:
    assert residency().models("acme", ("near", "abroad", "here", "somewhere", "unknown")) == ("near", "here")


@pytest.mark.parametrize("tenant", ["", "umbrella"])
def test_that_who_is_not_named_is_bound_to_nothing(tenant: str) -> None:
    found = residency()
    assert found.models(tenant, ("abroad", "somewhere")) == ("abroad", "somewhere")
    found.check_model(tenant, "unknown")
    found.check_connector(tenant, "crm")
    found.check_documents(tenant)


def test_that_a_star_is_everyone_who_is_not_named() -> None:
    found = residency(residency={"tenants": {"*": ["us"], "acme": ["eu"]}})
    assert found.models("", MODELS_OF_ALL) == found.models("umbrella", MODELS_OF_ALL) == ("abroad",)
    assert found.models("acme", MODELS_OF_ALL) == ("near",)


MODELS_OF_ALL = tuple(MODELS)


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda found: found.models("acme", ("abroad",)), "acme is bound to ch, eu, and the model abroad is in us"),
        (lambda found: found.check_model("acme", "somewhere"), r"no known region: set models\.somewhere\.region"),
        (lambda found: found.check_connector("acme", "crm"), r"the connector crm is .* set connectors\.crm\.region"),
        (lambda found: found.check_connector("acme", "erp"), "the connector erp is in us"),
    ],
)
def test_that_what_is_elsewhere_or_unknown_is_refused_with_the_fix(
    ask: Callable[[Residency], object], words: str
) -> None:
    found = residency(connectors={"erp": {"url": "http://erp", "region": "us"}, "crm": {"kind": "http"}})
    with pytest.raises(ResidencyError, match=words):
        ask(found)


def test_that_what_runs_in_the_worker_is_where_the_worker_is() -> None:
    found = residency()
    for name in ("embed", "similarity", "count_tokens"):
        found.check_connector("acme", name)
    found.check_documents("acme")


def test_that_without_a_region_of_the_workers_nothing_is_known() -> None:
    found = residency(residency={"tenants": {"acme": ["eu"]}})
    with pytest.raises(ResidencyError, match=r"the model here is in no known region: set models\.here\.region"):
        found.models("acme", ("here",))
    with pytest.raises(ResidencyError, match=r"the embedder is in no known region: set retrieval\.embedder_region"):
        found.check_documents("acme")
    for name, setting in {"embed": "retrieval.embedder_region", "count_tokens": "residency.region"}.items():
        with pytest.raises(ResidencyError, match=f"the connector {name} is in no known region: set {setting}$"):
            found.check_connector("acme", name)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"embedder_region": "us"}, "the embedder is in us"),
        ({"region": "us"}, "the store is in us"),
        ({"store": "elsewhere"}, "the store is in no known region"),
        ({"embedder": "elsewhere"}, "the embedder is in no known region"),
    ],
)
def test_that_documents_need_the_embedder_and_the_store(settings: dict[str, str], words: str) -> None:
    with pytest.raises(ResidencyError, match=words):
        residency(retrieval=settings).check_documents("acme")
