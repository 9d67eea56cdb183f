from __future__ import annotations

import pytest

from app import routing
from app.errors import ConfigurationError
from app.routing.fixed import Fixed
from app.routing.weighted import Weighted


@pytest.mark.parametrize(("name", "kind"), [("fixed", Fixed), ("weighted", Weighted)])
def test_that_a_policy_is_had_by_name(name: str, kind: type) -> None:
    assert type(routing.get(name)) is kind


@pytest.mark.parametrize("name", sorted(routing.POLICIES))
def test_that_every_policy_keeps_the_ports_promises(name: str) -> None:
    policy = routing.get(name)
    for count in (1, 2, 5):
        models = policy.choose(("a", "b", "c"), count=count, key="k", weights={}).models
        assert len(models) == min(count, 3)
        assert set(models) <= {"a", "b", "c"}
        assert policy.choose(("a", "b", "c"), count=count, key="k", weights={}).models == models


def test_that_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match="no routing policy is called magic; there are fixed, weighted"):
        routing.get("magic")
