from __future__ import annotations

import json
import stat
import sys
from pathlib import Path
from typing import Any

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import NoKeyringError
from typer.testing import CliRunner, Result

from app.cli.contexts.store import location
from app.cli.main import build
from app.cli.target import Api, find, find_target
from app.errors import BrokerError
from app.settings import Settings

URL = "https://ai.example.com/v1"


class _Keyring(KeyringBackend):
    """A keyring in memory."""

    priority = 1.0

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # keyring has no types for it
        self.passwords: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.passwords.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.passwords[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.passwords[service, username]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    for name in ("META_AI_CONFIG", "META_AI_DEBUG", "KAFKA_BOOTSTRAP_SERVERS", "META_AI_CONTEXT"):
        monkeypatch.delenv(name, raising=False)


def _run(*arguments: str, text: str = "") -> Result:
    return CliRunner().invoke(build(), ["context", *arguments], input=text)


def test_a_context_is_added_used_shown_and_removed() -> None:
    assert (
        _run("add", "prod", "--api", f"{URL}/", "--key-env", "PROD_KEY").stdout == "prod added, and used from now on\n"
    )
    assert _run("add", "local", "-b", "127.0.0.1:9092").stdout == "local added\n"
    rows = [json.loads(line) for line in _run("list", "--json").stdout.splitlines()]
    assert [(row["context"], row["current"], row["kind"], row["where"], row["key"]) for row in rows] == [
        ("local", False, "broker", "127.0.0.1:9092", ""),
        ("prod", True, "api", URL, "env:PROD_KEY"),
    ]
    assert _run("use", "local").stdout == "local is used from now on\n"
    assert json.loads(_run("show", "--json").stdout)["context"] == "local"
    assert _run("remove", "local").exit_code == 0
    assert "no context is used" in _run("show").stderr
    assert "did you mean `prod`?" in _run("use", "prd").stderr


def test_nobody_else_can_read_the_file_and_no_key_is_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring.core, "_keyring_backend", _Keyring())
    _run("add", "prod", "--api", URL, "--key", text="planted-key\n")
    assert location() == Path("home/meta-ai/contexts.json").absolute()
    assert stat.S_IMODE(location().stat().st_mode) == 0o600
    assert "planted" not in location().read_text(encoding="utf-8")
    assert "planted" not in _run("show", "prod").output + _run("list").output


def test_a_key_is_kept_in_the_keyring_and_removed_with_its_context(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = _Keyring()
    monkeypatch.setattr(keyring.core, "_keyring_backend", backend)
    _run("add", "prod", "--api", URL, "--key", text="planted-key\n")
    assert find_target(None, None) == Api(URL, "planted-key", "prod")
    _run("remove", "prod")
    assert backend.passwords == {}


def test_where_there_is_no_keyring_the_fix_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    class _None(_Keyring):
        def set_password(self, service: str, username: str, password: str) -> None:
            raise NoKeyringError(f"no place for {service} {username} {password}")

    monkeypatch.setattr(keyring.core, "_keyring_backend", _None())
    found = _run("add", "prod", "--api", URL, "--key", text="planted-key\n")
    assert (found.exit_code, "use --key-env or --key-file" in found.stderr, "planted" in found.output) == (
        1,
        True,
        False,
    )
    monkeypatch.setitem(sys.modules, "keyring", None)
    found = _run("add", "prod", "--api", URL, "--key", text="planted-key\n")
    assert (found.exit_code, 'pip install "meta-ai-orchestrator[keyring]"' in found.stderr) == (1, True)
    assert not location().exists()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--api", URL, "-b", "127.0.0.1:9092"],
        ["-b", "127.0.0.1:9092", "--key-env", "X"],
        ["--api", URL, "--key-env", "X", "--key-file", "y"],
        ["--api", "ai.example.com"],
        ["--api", "https://me:planted@ai.example.com"],
    ],
)
def test_what_makes_no_sense_is_wrong_usage(arguments: list[str]) -> None:
    found = _run("add", "x", *arguments)
    assert (found.exit_code, "planted" in found.output, location().exists()) == (2, False, False)


def test_a_key_in_the_open_is_warned_of() -> None:
    assert "without https" in _run("add", "a", "--api", "http://10.0.0.1:8089/v1", "--key-env", "K").stderr
    assert _run("add", "b", "--api", "http://127.0.0.1:8089/v1", "--key-env", "K").stderr == ""


def test_what_a_command_talks_to(monkeypatch: pytest.MonkeyPatch) -> None:
    def where(config: Path | None = None, servers: str | None = None) -> Any:
        found = find_target(config, servers)
        return found.broker.bootstrap_servers if isinstance(found, Settings) else found.base_url

    with pytest.raises(BrokerError, match="no orchestrator is running here"):
        where()
    monkeypatch.setenv("META_AI_BASE_URL", "http://127.0.0.1:1/v1")
    assert where() == "http://127.0.0.1:1/v1"
    _run("add", "api", "--api", URL)
    assert where() == URL  # the current one
    with pytest.raises(BrokerError, match="the context api names an API"):
        find(None, None)
    Path("c.yaml").write_text(
        "broker: {kind: cluster, bootstrap_servers: 'c:1'}\ntopics: {prefix: p-}\n", encoding="utf-8"
    )
    assert where(Path("c.yaml")) == "c:1"
    _run("add", "kafka", "--config", "c.yaml")
    monkeypatch.setenv("META_AI_CONTEXT", "kafka")
    assert where() == "c:1"
    assert find(None, None).topics.prefix == "p-"
    assert where(None, "b:2") == "b:2"
    _run("add", "other", "-b", "o:3")
    monkeypatch.setenv("META_AI_CONTEXT", "other")
    assert where(Path("c.yaml")) == "o:3"


def test_a_key_that_is_not_where_it_should_be_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("key").write_text("planted-file\n", encoding="utf-8")
    _run("add", "file", "--api", URL, "--key-file", "key")
    assert find_target(None, None) == Api(URL, "planted-file", "file")
    Path("key").unlink()
    done = CliRunner().invoke(build(), ["runs", "list"])
    assert (done.exit_code, "cannot be read" in done.stderr) == (1, True)
    _run("add", "env", "--api", URL, "--key-env", "PROD_KEY")
    done = CliRunner().invoke(build(), ["--context", "env", "runs", "list"])
    assert "its key is not in the environment variable PROD_KEY" in done.stderr
    monkeypatch.setenv("PROD_KEY", "planted-env")
    monkeypatch.setenv("META_AI_CONTEXT", "env")
    assert find_target(None, None) == Api(URL, "planted-env", "env")
    assert "planted" not in repr(find_target(None, None))


def test_the_option_stands_before_the_command_and_holds_for_it_alone() -> None:
    _run("add", "a", "-b", "127.0.0.1:1")
    _run("add", "b", "-b", "127.0.0.1:2")
    assert "127.0.0.1:2" in CliRunner().invoke(build(), ["--context", "b", "topics", "list"]).stderr
    assert "127.0.0.1:1" in CliRunner().invoke(build(), ["topics", "list"]).stderr
    late = CliRunner().invoke(build(), ["topics", "list", "--context", "b"]).stderr
    assert "It stands before the command: meta-ai --context NAME" in late
    unknown = CliRunner().invoke(build(), ["--context", "c", "topics", "list"])
    assert (unknown.exit_code, "there is no context c" in unknown.stderr) == (1, True)


def test_a_damaged_file_is_one_line() -> None:
    location().parent.mkdir(parents=True)
    location().write_text("{", encoding="utf-8")
    found = _run("list")
    assert (found.exit_code, len(found.stderr.splitlines())) == (1, 1)
