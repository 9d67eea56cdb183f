from __future__ import annotations

import pytest

from app.configuration.portable import portable
from app.source.syntax import parse

TEXT = """\
# mine
broker:
  kind: cluster
  bootstrap_servers: kafka-1:9092
  security: {protocol: SASL_SSL, mechanism: PLAIN, username: me, password: planted-1}
cache: {store: redis, url: "redis://:planted-2@127.0.0.1:6379/0"}
models:
  a: {provider: openai, model: gpt, api_key: planted-3, base_url: "https://me:planted-4@example.com/v1"}
  b: {provider: openai, model: gpt, api_keys: [planted-5, "${KEY}"]}
  c: {provider: scripted, options: {headers: {x-one: planted-6}, default: an answer, access_token: planted-7}}
connectors:
  crm: {url: "https://crm.example.com", headers: {Authorization: Bearer planted-8, x-two: "Bearer planted-9 ${X}"}}
"""


def test_secrets_become_references_and_the_rest_stays() -> None:
    text, variables = portable(TEXT, "x.yaml")
    assert "planted" not in text
    assert text.startswith("# mine\n")
    assert len(variables) == TEXT.count("planted")
    assert variables["BROKER_SECURITY_PASSWORD"] == ("broker", "security", "password")
    value = parse(text, "x").value
    assert value["models"]["a"]["api_key"] == "${MODELS_A_API_KEY}"
    assert value["models"]["b"]["api_keys"] == ["${MODELS_B_API_KEYS_0}", "${KEY}"]
    assert value["models"]["c"]["options"]["default"] == "an answer"
    assert value["connectors"]["crm"]["url"] == "https://crm.example.com"
    assert value["broker"]["security"]["username"] == "me"


@pytest.mark.parametrize(
    "text",
    [
        "models: {a: {provider: openai, model: gpt-5, api_key: '${KEY:-}'}}\n",
        "cache: {store: redis, url: '${URL}'}\n",
        "models: {a: {provider: openai, base_url: 'http://me:${PASSWORD}@127.0.0.1/v1'}}\n",
        "connectors: {a: {url: 'http://127.0.0.1:1/[x'}}\n",
        "",
    ],
)
def test_references_and_what_is_no_secret_stay(text: str) -> None:
    assert portable(text, "x.yaml") == (text, {})


def test_an_address_that_cannot_be_read_counts_as_a_secret() -> None:
    assert "planted" not in portable("connectors: {a: {url: 'http://me:planted@[x'}}\n", "x.yaml")[0]
