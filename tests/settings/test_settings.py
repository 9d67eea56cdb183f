from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from app.configuration.keys import section_of
from app.settings import (
    AskSettings,
    BrokerSettings,
    Delay,
    ModelSettings,
    Seconds,
    Section,
    Settings,
    TelemetrySettings,
    TopicSettings,
)
from topics import ALL

SECONDS: TypeAdapter[float] = TypeAdapter(Seconds)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("250ms", 0.25), ("30s", 30), ("5m", 300), ("12h", 43200), ("7d", 604800), ("1.5s", 1.5), (2, 2), ("3", 3)],
)
def test_durations_are_read_in_their_unit(written: str | int, seconds: float) -> None:
    assert SECONDS.validate_python(written) == pytest.approx(seconds)


def test_a_delay_may_be_nothing() -> None:
    delay: TypeAdapter[float] = TypeAdapter(Delay)
    assert [delay.validate_python(one) for one in (0, "0", "0s", "50ms", "1m1s")] == [0, 0, 0, 0.05, 61]
    with pytest.raises(ValidationError):
        delay.validate_python(-1)


@pytest.mark.parametrize("wrong", ["", "s", "5 parsecs", "-3s", "0s", "1e400", "²s", True, None, float("inf"), -1])
def test_what_is_not_a_duration_is_refused(wrong: object) -> None:
    with pytest.raises(ValidationError):
        SECONDS.validate_python(wrong)


@given(st.text())
def test_any_text_is_a_positive_duration_or_refused(text: str) -> None:
    try:
        assert SECONDS.validate_python(text) > 0
    except ValidationError as error:
        assert error.error_count() == 1  # noqa: PT017  # either outcome is right


def sections(section: type[Any] = Settings) -> list[type[Any]]:
    inner = [section_of(field.annotation) for field in section.model_fields.values()]
    return [section, *(found for one in inner if one for found in sections(one))]


@pytest.mark.parametrize("section", sections(), ids=lambda section: section.__name__)
def test_every_section_is_closed_and_frozen_and_every_field_is_described(section: type[Section]) -> None:
    assert section.model_config["frozen"]
    assert section.model_config["extra"] == "forbid"
    assert [name for name, field in section.model_fields.items() if not field.description] == []


@pytest.mark.parametrize("section", sections(), ids=lambda section: section.__name__)
def test_an_optional_field_has_an_example(section: type[Section]) -> None:
    optional = {name: field for name, field in section.model_fields.items() if field.default is None}
    assert [name for name, field in optional.items() if not field.examples] == []


def test_a_cluster_needs_servers() -> None:
    with pytest.raises(ValidationError, match="bootstrap_servers: kafka-1:9092"):
        BrokerSettings(kind="cluster")


def test_sasl_needs_credentials_and_does_not_show_them() -> None:
    with pytest.raises(ValidationError, match="needs mechanism, username and password"):
        BrokerSettings.model_validate({"security": {"protocol": "SASL_SSL", "username": "me"}})
    password = "sesame-open"
    complete = {"protocol": "SASL_SSL", "mechanism": "PLAIN", "username": "me", "password": password}
    assert password not in repr(BrokerSettings.model_validate({"security": complete}))


def test_an_override_names_a_topic() -> None:
    assert TopicSettings.model_validate({"overrides": {topic.name: {"compact": True} for topic in ALL}})
    with pytest.raises(ValidationError, match="no topic is called reslts"):
        TopicSettings.model_validate({"overrides": {"reslts": {}}})


@pytest.mark.parametrize("ask", [{}, {"ask": {"chunks": 2}}, {"ask": AskSettings(quorum=2)}])
def test_the_built_in_workflow_asks_all_models_where_it_is_not_said_which(ask: dict[str, Any]) -> None:
    models = {"gpt": {"provider": "scripted"}, "claude": {"provider": "scripted"}}
    chosen = Settings.model_validate({"models": models, **ask})
    assert chosen.ask.models == ("gpt", "claude")
    assert Settings.model_validate_json(chosen.model_dump_json()).ask == chosen.ask
    assert (chosen.ask.chunks, chosen.ask.quorum) in {(4, 1), (2, 1), (4, 2)}
    assert Settings.model_validate({"models": models, "ask": {"models": ["gpt"]}}).ask.models == ("gpt",)


def test_ask_names_configured_models_and_a_quorum_that_can_be_met() -> None:
    with pytest.raises(ValidationError, match="no model is called gpt; there is local"):
        Settings(ask=AskSettings(models=("gpt",)))
    with pytest.raises(ValidationError, match=r"ask\.models has only 1"):
        Settings(ask=AskSettings(quorum=2))


def test_the_log_level_may_be_written_small() -> None:
    assert TelemetrySettings.model_validate({"log_level": "debug"}).log_level == "DEBUG"


def test_all_secrets_are_found_for_redaction() -> None:
    found = Settings.model_validate(
        {
            "broker": {"security": {"password": "pw"}},
            "models": {
                "local": {"provider": "x", "api_key": "k1", "options": {"headers": {"x-key": "h1", "x-number": 5}}},
                "b": {"provider": "x", "api_key": "k2"},
            },
            "connectors": {
                "c": {"headers": {"authorization": "h2"}, "options": {"headers": {"x-key": "h3"}}},
                "d": {"headers": {"authorization": "h4"}},
            },
        }
    )
    assert sorted(found.secrets()) == ["h1", "h2", "h3", "h4", "k1", "k2", "pw"]
    assert list(Settings().secrets()) == []


@pytest.mark.parametrize("headers", [None, "x-key: h", ["x-key"], 5])
def test_options_may_have_headers_of_any_form(headers: object) -> None:
    found = Settings.model_validate({"connectors": {"c": {"kind": "mine", "options": {"headers": headers}}}})
    assert list(found.secrets()) == []


@pytest.mark.parametrize(
    ("budgets", "said"),
    [
        ([{"name": "a", "limit": 1}, {"name": "a", "limit": 2}], "two budgets are called a"),
        ([{"name": "a", "limit": 1, "when_exceeded": "degrade"}], "`degrade` needs degrade_to"),
        (
            [{"name": "a", "limit": 1, "when_exceeded": "degrade", "degrade_to": ["tiny"]}],
            "no model is called tiny, which degrade_to of a names",
        ),
        ([{"name": "a", "limit": 0.5, "reserve": 0.6}], "is more than the limit, so no run could begin"),
        ([{"name": "a", "limit": 0}], "greater than 0"),
        ([{"name": "a b", "limit": 1}], "match pattern"),
        ([{"name": "a", "limit": 1, "period": "10ms"}], "greater than or equal to 1"),
    ],
)
def test_budgets_must_make_sense(budgets: list[dict[str, object]], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Settings.model_validate({"budgets": budgets})


@pytest.mark.parametrize(("written", "after"), [("p95", "p95"), ("250ms", 0.25), (3, 3.0)])
def test_a_second_attempt_is_made_after_a_percentile_or_a_duration(written: object, after: object) -> None:
    model = ModelSettings.model_validate({"provider": "scripted", "hedge": {"after": written}})
    assert model.hedge
    assert (model.hedge.after, model.hedge.at_most) == (after, 0.1)


@pytest.mark.parametrize("written", ["p99", "soon", -1, True])
def test_what_is_neither_a_percentile_nor_a_duration_is_said_once(written: object) -> None:
    with pytest.raises(ValidationError) as caught:
        ModelSettings.model_validate({"provider": "scripted", "hedge": {"after": written}})
    (error,) = caught.value.errors()
    assert error["loc"] == ("hedge", "after")
    assert "give p95, or a duration such as 250ms" in error["msg"]


@pytest.mark.parametrize("name", ["model", "base_url"])
def test_an_address_and_a_name_are_one_line(name: str) -> None:
    def settings(value: str) -> ModelSettings:
        return ModelSettings.model_validate({"provider": "openai", name: value})

    assert getattr(settings("\ufeff http://host/v1\u200b\r\n"), name) == "http://host/v1"
    with pytest.raises(ValidationError, match="has a line end or another control character in it: give one line"):
        settings("http://host\n/v1")


def test_several_keys_are_all_secrets() -> None:
    model = ModelSettings.model_validate({"provider": "openai", "api_keys": ["sk-one", "sk-two"]})
    assert list(model.secrets()) == ["sk-one", "sk-two"]
    assert "sk-" not in repr(model)
