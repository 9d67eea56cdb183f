from __future__ import annotations

import pytest
from pydantic import ValidationError

from app.configuration.problems import explain
from app.settings import Settings


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"server": {"prot": 1}}, "f:2: server.prot: unknown key; did you mean `port`?"),
        ({"partitions": 3}, "f:1: partitions: unknown key; did you mean `topics.partitions`?"),
        ({"server": {"zzz": 1}}, "f:2: server.zzz: unknown key; the keys here are bind_address, port"),
        ({"ask": {"models": ["x"]}}, "f:1: ask.models: no model is called x; there is local"),
        ({"server": {"port": "secret"}}, "f:2: server.port: must be a whole number"),
    ],
)
def test_what_pydantic_finds_is_said_in_our_words(values: dict[str, object], line: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate(values)
    assert [str(problem) for problem in explain(caught.value, {(): "f:1", ("server",): "f:2"})] == [line]
