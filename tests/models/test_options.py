from __future__ import annotations

import pytest
from pydantic import Field

from app.errors import ConfigurationError
from app.models import options
from app.settings import ModelSettings, Section
from topics.model_requests import Sampling


class Options(Section):
    answers: tuple[str, ...] = ()
    delay: float = Field(default=0.0, ge=0)


def settings(**fields: object) -> ModelSettings:
    return ModelSettings.model_validate({"provider": "scripted", **fields})


def test_options_become_the_components_section() -> None:
    assert options.parse("m", settings(options={"delay": 2}), Options).delay == 2


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"dealy": 2}, "dealy: unknown key; did you mean `delay`? models.m.options accepts answers, delay"),
        ({"xyz": 2}, "xyz: unknown key; models.m.options accepts answers, delay"),
        ({"delay": -1}, "delay: should be greater than or equal to 0"),
        ({"delay": "long"}, "delay: must be a number"),
    ],
)
def test_a_wrong_option_is_named_with_its_fix(given: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        options.parse("m", settings(options=given), Options)

    assert str(raised.value) == f"models.m.options.{said}"


@pytest.mark.parametrize("given", [{"temprature": 1}, {"temperature": 3}, {"max_tokens": 0}])
def test_a_wrong_sampling_default_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match=r"models\.m\.sampling.*(temprature|temperature|max_tokens)"):
        options.sampling("m", settings(sampling=given))


def test_settings_outweigh_the_components_defaults_and_the_request_both() -> None:
    defaults = options.sampling("m", settings(sampling={"max_tokens": 7}), max_tokens=1, temperature=0.0)

    assert defaults == Sampling(max_tokens=7, temperature=0.0)
    assert options.fill(Sampling(), defaults) == defaults
    assert options.fill(Sampling(max_tokens=9, stop=("x",)), defaults) == Sampling(
        max_tokens=9, temperature=0.0, stop=("x",)
    )
    assert options.fill(Sampling(temperature=0.0), Sampling(temperature=1.0)).temperature == 0.0
