from __future__ import annotations

import json

import pytest

from app.configuration.export import HIDDEN, export, shown_url
from app.settings import Settings

SECRET = "s3cr3t-value"


def test_that_no_secret_is_in_it() -> None:
    settings = Settings.model_validate(
        {
            "models": {
                "a": {
                    "provider": "openai",
                    "model": "gpt-5",
                    "api_key": SECRET,
                    "base_url": f"https://u:{SECRET}@h/v1?key={SECRET}",
                    "options": {"headers": {"y": SECRET}, "list": [SECRET], "top": 3},
                },
                "b": {"provider": "openai", "model": "gpt-5", "api_keys": [SECRET + "1", SECRET + "2"]},
            },
            "connectors": {"c": {"url": f"https://{SECRET}@h/", "headers": {"authorization": SECRET}}},
            "cache": {"store": "redis", "url": f"redis://:{SECRET}@h"},
            "broker": {
                "kind": "cluster",
                "bootstrap_servers": "k:9092",
                "security": {"protocol": "SASL_SSL", "mechanism": "PLAIN", "username": "u", "password": SECRET},
            },
        }
    )
    found = export(settings)
    assert SECRET not in json.dumps(found)
    model = json.loads(json.dumps(found))["models"]["a"]
    assert (model["model"], model["options"]["top"], model["options"]["list"]) == ("gpt-5", 3, [HIDDEN])
    assert model["base_url"] == f"https://{HIDDEN}@h/v1?{HIDDEN}"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://h:80/a", "http://h:80/a"),
        ("plain", "plain"),
        ("http://u@h", f"http://{HIDDEN}@h"),
        ("http://[bad?x=1", HIDDEN),
        ("http://h/#frag", "http://h/"),
    ],
)
def test_that_an_address_is_shown_without_user_and_query(url: str, shown: str) -> None:
    assert shown_url(url) == shown
