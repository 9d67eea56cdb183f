"""A gateway that asks for API keys: the real processes, and keys from the command line."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.e2e.commands import Cli

pytestmark = pytest.mark.slow

_CONFIG = """\
app_id: access
topics: {partitions: 2}
models:
  sound: {provider: scripted, price: {input: 1000, output: 1000}, options: {default: "This is the answer."}}
ask: {models: [sound], retrieve: false}
server: {port: 0}
gateway: {security: {enabled: true, failures_per_minute: 1000}}
"""


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    folder = tmp_path_factory.mktemp("access")
    (folder / "meta-ai.yaml").write_text(_CONFIG, encoding="utf-8")
    found = Cli(folder)
    with found.hosted():
        yield found


def ask(cli: Cli, key: str) -> int:
    """Return the status of a request for an answer that is sent with a key."""
    address = json.loads((cli.folder / ".meta-ai" / "run.json").read_text(encoding="utf-8"))["gateway"]
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    body = json.dumps({"model": "sound", "messages": [{"role": "user", "content": "Why?"}]}).encode()
    try:
        with urlopen(Request(f"http://{address}/v1/chat/completions", body, headers)) as answer:  # our own gateway
            status: int = answer.status
            assert json.loads(answer.read())["choices"][0]["message"]["content"] == "This is the answer."
            return status
    except HTTPError as error:
        with error:
            return error.code


def until(cli: Cli, key: str, status: int) -> None:
    """Return when the gateway answers so."""
    for _ in range(100):
        if ask(cli, key) == status:
            return
        time.sleep(0.2)
    pytest.fail(f"it never answered {status}")


def test_that_a_key_from_the_command_line_opens_the_gateway_until_it_is_revoked(cli: Cli) -> None:
    until(cli, "mao_none", 401)
    [made] = cli.objects("keys", "create", "billing", "--role", "submitter", "--expires", "90d")
    until(cli, made["key"], 200)
    [fresh] = cli.objects("keys", "rotate", made["prefix"], "--overlap", "0")
    until(cli, fresh["key"], 200)
    assert ask(cli, made["key"]) == 401
    [listed] = cli.objects("keys", "list")
    assert (listed["owner"], listed["roles"], "key" in listed) == ("billing", ["submitter"], False)
    assert "billing" in cli("keys", "list")
    assert f"key {made['id']} of billing is revoked" in cli("keys", "revoke", fresh["key"])
    until(cli, fresh["key"], 401)
    assert "is revoked or has expired" in cli("keys", "rotate", made["id"], exit_code=1)


def test_that_a_key_spends_no_more_than_it_may(cli: Cli) -> None:
    limits = ("--spend-limit", "0.001", "--spend-period", "30d")
    [made] = cli.objects("keys", "create", "spender", "--role", "submitter", *limits)
    until(cli, made["key"], 200)
    until(cli, made["key"], 429)
    [spent] = [one for one in cli.objects("budgets") if one["budget"] == f"api-key.{made['id']}"]
    assert spent["spent"] > spent["limit"] == 0.001


def test_that_mistakes_are_explained(cli: Cli) -> None:
    assert "did you mean `viewer`?" in cli("keys", "create", "me", "--role", "viewr", exit_code=1)
    assert "there is no key nothing" in cli("keys", "revoke", "nothing", exit_code=1)
