from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from app.configuration import load, schema, template
from app.configuration.keys import known_keys
from app.settings import PriceSettings, Settings
from app.source.problems import Key


def uncommented() -> str:
    """Return the template with every example set; prose has a space after its #."""
    return re.sub(r"(?m)^( *)#(?=[^ #])", r"\1", template())


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def keys(value: Any, above: Key = ()) -> set[Key]:
    if isinstance(value, list):
        value = {str(place): one for place, one in enumerate(value) if isinstance(one, dict)}
    if not isinstance(value, dict):
        return set()
    return {(*above, name) for name in value} | {key for name in value for key in keys(value[name], (*above, name))}


def test_the_template_loads_to_exactly_the_defaults(tmp_path: Path) -> None:
    assert load(written(tmp_path / "x.yaml", template()), {}) == Settings()


@pytest.mark.parametrize("key", list(known_keys()), ids=".".join)
def test_every_key_of_every_section_is_in_the_template(key: Key) -> None:
    names = {
        "models": "local",
        "overrides": "results",
        "connectors": "tickets",
        "budgets": "0",
        "panels": "careful",
        "policies": "0",
        "endpoints": "crm",
        "sources": "handbook",
        "stores": "docs",
    }
    expected = tuple(names[str(key[i - 1])] if part == "*" else part for i, part in enumerate(key))
    assert expected in keys(yaml.safe_load(uncommented()))


def test_the_examples_are_valid_together(tmp_path: Path) -> None:
    key = "whsec_" + "A" * 44
    environ = {"KAFKA_PASSWORD": "p", "OPENAI_API_KEY": "k", "TOKEN": "t", "AUDIT_KEY": "a key of this test"}
    environ |= {"AWS_ACCESS_KEY_ID": "i", "AWS_SECRET_ACCESS_KEY": "s", "STORE_KEY": "s"}
    environ |= {"WEBHOOK_SIGNING_KEY": key, "CRM_SIGNING_KEY": key}
    others = "\nmodels:\n  small: {provider: scripted}\n  large: {provider: scripted}\n"
    found = load(written(tmp_path / "x.yaml", uncommented().replace("\nmodels:\n", others)), environ)
    assert found.panels["careful"].models == ("small", "large")
    assert found.topics.overrides["results"].retention == 30 * 86400
    assert found.models["local"].api_key is not None
    assert found.models["local"].price == PriceSettings(
        input=0.25, output=2.0, cached_input=0.025, cache_write=0.3125, reasoning=2.0, batch=0.5
    )
    assert found.connectors["tickets"].headers["authorization"].get_secret_value() == "t"
    assert found.webhooks.endpoints["crm"].signing_keys == found.webhooks.signing_keys != ()
    assert found.workflows == (Path("workflows"),)
    assert [(budget.name, budget.limit) for budget in found.budgets] == [("acme", 50.0)]


def test_money_is_a_plain_number_and_time_has_a_unit() -> None:
    assert re.search(r"(?m)^      #input: 0\.25$", template())
    assert re.search(r"(?m)^  backoff: 200ms$", template())


def test_the_schema_accepts_the_template_and_refuses_a_misspelt_key() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(yaml.safe_load(template()), schema())
    with pytest.raises(jsonschema.ValidationError, match="partitons"):
        jsonschema.validate({"topics": {"partitons": 8}}, schema())


@pytest.mark.parametrize(
    "written",
    [
        {"server": {"port": "${PORT}"}},
        {"broker": {"kind": "${BROKER:-kafka}"}},
        {"telemetry": {"metrics": "${METRICS}"}},
        {"models": {"local": {"provider": "local", "price": {"input": "${PRICE}"}, "timeout": "${PATIENCE}"}}},
        {"connectors": {"tickets": {"url": "https://${HOST}/", "headers": {"authorization": "Bearer ${TOKEN}"}}}},
    ],
)
def test_the_schema_lets_references_to_the_environment_stand_anywhere(written: dict[str, Any]) -> None:
    jsonschema.validate(written, schema())


@pytest.mark.parametrize("port", ["8088x", 70000, "$PORT"])
def test_the_schema_still_refuses_what_is_not_a_number(port: object) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"server": {"port": port}}, schema())


def test_the_schema_says_which_keys_are_secret() -> None:
    assert schema()["$defs"]["ModelSettings"]["properties"]["api_key"]["anyOf"][0]["writeOnly"] is True
