from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.configuration import load
from app.configuration.keys import known_keys
from app.errors import ConfigurationError
from app.settings import Settings

Write = Callable[[str], Path]
SECRET = "sk-9f8e7d6c5b4a"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        path = tmp_path / "meta-ai.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def lines(path: Path, environ: dict[str, str] | None = None) -> list[str]:
    """Return the error's lines, with the file called `file`."""
    with pytest.raises(ConfigurationError) as caught:
        load(path, environ or {})
    return str(caught.value).replace(str(path), "file").split("\n")


def test_without_a_file_the_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load(None, {}) == Settings()


def test_the_file_is_named_or_from_the_environment_or_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("meta-ai", "other", "third"):
        (tmp_path / f"{name}.yaml").write_text(f"app_id: {name}")
    environ = {"META_AI_CONFIG": "other.yaml"}
    assert load(Path("third.yaml"), environ).app_id == "third"
    assert load(None, environ).app_id == "other"
    assert load(None, {}).app_id == "meta-ai"


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n", "~", "{}", "\ufeff"])
def test_an_empty_file_means_the_defaults(write: Write, text: str) -> None:
    assert load(write(text), {}) == Settings()


def test_values_arrive(write: Write) -> None:
    text = "topics:\n  partitions: 12\n  retention: 12h\nask: {models: [a], deadline: 5m}\nmodels: {a: {provider: x}}\n"
    found = load(write(text), {})
    assert (found.topics.partitions, found.topics.retention, found.ask.deadline) == (12, 43200, 300)
    assert found.models["a"].provider == "x"


def test_json_is_read_even_with_tabs_and_escapes(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text('{\n\t"models": {"local": {"provider": "a\\/\\ud83d\\ude00", "options": {"x": 1e3, "y": null}}}\n}')
    model = load(path, {}).models["local"]
    assert model.provider == "a/😀"
    assert model.options == {"x": 1000.0, "y": None}


def test_each_fault_has_a_line_with_place_key_and_fix(write: Write) -> None:
    path = write(
        "topics:\n"
        "  partitons: 8\n"
        "server:\n"
        "  port: 99999\n"
        "partitions: 3\n"
        "ask:\n"
        "  deadline: soon\n"
        "models:\n"
        "  local:\n"
        "    modle: x\n"
        "delivery: none\n"
        "budgets: [{name: x, limit: [1], period: [1]}]\n"
    )
    assert sorted(lines(path)) == [
        "file:10: models.local.modle: unknown key; did you mean `model`?",
        "file:11: delivery: must be a mapping of keys to values, as in {max_event_bytes: …}",
        "file:12: budgets.0.limit: must be a number",
        "file:12: budgets.0.period: give a duration such as 250ms, 30s, 5m, 12h or 7d",
        "file:2: topics.partitons: unknown key; did you mean `partitions`?",
        "file:4: server.port: should be less than or equal to 65535",
        "file:5: partitions: unknown key; did you mean `topics.partitions`?",
        "file:7: ask.deadline: give a duration such as 250ms, 30s, 5m, 12h or 7d",
        "file:9: models.local.provider: is required",
    ]


def test_a_key_like_no_other_gets_the_list(write: Write) -> None:
    assert lines(write("server: {xyzzy: 1}")) == [
        "file:1: server.xyzzy: unknown key; the keys here are bind_address, port"
    ]


def test_a_key_set_twice_is_a_fault(write: Write) -> None:
    text = lines(write("server:\n  port: 1\n  bind_address: x\n  port: 2\n"))
    assert text == ["file:4: server.port: is set twice, first at file:2; keep one"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("broker:\n  kind: cluster\n", "file:2: broker.kind: kind `cluster` needs bootstrap_servers, as in"),
        (
            "topics:\n  overrides:\n    nope: {}\n",
            "file:3: topics.overrides.nope: no topic is called nope; there are api-keys, audit",
        ),
        ("app_id: a\nask:\n  models: [gpt]\n", "file:3: ask.models: no model is called gpt; there is local"),
        (
            "retrieval:\n  chunk_tokens: 100\n  chunk_overlap: 100\n",
            "file:3: retrieval.chunk_overlap: must be smaller than chunk_tokens, which is 100",
        ),
        (
            "broker:\n  kind: kafak\n",
            "file:2: broker.kind: should be 'embedded', 'kafka' or 'cluster'; did you mean `kafka`?",
        ),
        ("app_id: My App\n", "file:1: app_id: may have only letters, digits, `.`, `_` and `-`"),
        ("broker: kafka\n", "file:1: broker: must be a mapping of keys to values, as in {kind: …}"),
        (
            "models:\n  a: {provider: openai, api_key: ${OPENAI_API_KEY}}\n",
            'file:2: is not valid YAML: inside braces, a reference must be in quotes, as in "${NAME}"',
        ),
        ("ask:\n  chunks: 1\n  quorum: 3\n", "file:3: ask.quorum: is 3, but ask.models has only 1"),
    ],
)
def test_settings_that_do_not_fit_together_are_placed_too(write: Write, text: str, expected: str) -> None:
    (line,) = lines(write(text))
    assert line.startswith(expected)


def test_the_environment_is_above_the_file(write: Write) -> None:
    path = write("server: {port: 1000}\ntelemetry: {log_level: ERROR}\nbroker: {kind: kafka, port: 9}\n")
    environ = {
        "ORCHESTRATOR_BIND_ADDRESS": "127.0.0.2",
        "ORCHESTRATOR_PORT": "2000",
        "LOG_LEVEL": "info",
        "METRICS_ENABLED": "false",
        "TRACING_ENABLED": "1",
        "VECTOR_STORE_ENDPOINT": "http://127.0.0.1:6333",
        "KAFKA_BOOTSTRAP_SERVERS": "a:1,b:2",
    }
    found = load(path, environ)
    assert (found.server.bind_address, found.server.port) == ("127.0.0.2", 2000)
    assert (found.telemetry.log_level, found.telemetry.metrics, found.telemetry.tracing) == ("INFO", False, True)
    assert found.retrieval.endpoint == "http://127.0.0.1:6333"
    assert (found.broker.kind, found.broker.bootstrap_servers, found.broker.port) == ("cluster", "a:1,b:2", 9)


def test_a_wrong_variable_is_named(write: Write) -> None:
    assert lines(write("server:\n  port: 1\n"), {"ORCHESTRATOR_PORT": "http"}) == [
        "ORCHESTRATOR_PORT: server.port: must be a whole number"
    ]


def test_an_unset_reference_is_reported_once_beside_the_other_faults(write: Write) -> None:
    assert lines(write("server:\n  port: ${WEB_PORT}\nserve: {}\n")) == [
        "file:2: server.port: the environment variable WEB_PORT is not set; set it, or write ${WEB_PORT:-default}",
        "file:3: serve: unknown key; did you mean `server`?",
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"- a\n", "file:1: the file must be a mapping"),
        (b"text", "file:1: the file must be a mapping"),
        (b"a: b\n\xff\n", "file:2: is not UTF-8"),
        (b"server:\n\tport: 1\n", "file:2: is not valid YAML: contains a tab; indent with spaces"),
        (b"a: b: c\n", "file:1: is not valid YAML: a text with a colon and a space in it must be in quotes"),
        (b"a: 1\n--- \nb: 2\n", "file:2: is not valid YAML: has a second document after ---; one file holds one"),
        (b"app_id: x\nserver: *nope\n", "file:2: is not valid YAML: an alias (*name) needs its anchor"),
        (b"app_id: !!python/name:os.system x\n", "file:1: app_id: tags are not supported"),
        (b"a: [1, 2\nb: 3\n", "file:2: is not valid YAML: a bracket is not closed, or a comma"),
        (b"a: \x00", "file:1: contains a character that YAML forbids"),
        (b'a: "\\U99999999"', "file: is not valid YAML: an escape"),
        (b"a: " + b"[" * 5000, "file:1: is not valid YAML: nested too deeply"),
        (b"a: &a [*a, *a]", "file:1: aliases or nesting"),
        (b"? [a]\n: b\n", "file:1: a key must be a plain string"),
        (b"#" * (256 * 1024 + 1), "file: is larger than 262144 bytes"),
    ],
)
def test_what_is_not_a_configuration_is_said_to_be_none(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "file.yaml"
    path.write_bytes(content)
    found = "\n".join(lines(path))
    assert found.replace("?: ", "", 1).startswith(expected)


def test_a_bomb_of_aliases_is_refused_before_it_grows(write: Write) -> None:
    levels = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 10))
    assert "aliases or nesting make this file too large" in "\n".join(lines(write(f"l0: &l0 [x]\n{levels}\n")))


def test_a_modest_alias_is_fine(write: Write) -> None:
    found = load(write("models:\n  local: &base {provider: x}\n  twin: *base\n"), {})
    assert found.models["twin"] == found.models["local"]


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    assert lines(tmp_path / "absent.yaml") == ["file: cannot be read: No such file or directory"]
    assert lines(tmp_path) == ["file: cannot be read: Is a directory"]
    assert lines(Path("a\0b")) == [r"a\x00b: cannot be read: not a path"]


@pytest.mark.parametrize(
    "text",
    [
        "models: {local: {provider: x, api_key: [SECRET]}}",
        "models: {local: {provider: x, api_key: {SECRET: 1}}}",
        "models:\n  local:\n    api_key: *SECRET\n",
        "models:\n  local:\n    api_key: !SECRET\n",
        "models:\n  local:\n    api_key: !SECRET! x\n",
        'models:\n  local:\n    api_key: "SECRET\n',
        "models:\n  local:\n    api_key: &SECRET 5\n",
        "models:\n  local:\n    api_key: SECRET: x\n",
        "models:\n  local:\n    api_key: @SECRET\n",
        "models:\n  local:\n    api_key: ${KEY}\n    extra: 1\n",
        "broker: {security: {protocol: SASL_SSL, username: x, password: SECRET}}",
        "broker: {security: {protocol: SECRET, password: [SECRET]}}",
    ],
)
def test_no_error_shows_a_secret(write: Write, text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(write(text.replace("SECRET", SECRET)), {"KEY": SECRET})
    error: BaseException | None = caught.value
    while error:
        assert SECRET not in f"{error!s} {error!r}"
        error = None if error.__suppress_context__ else error.__context__


FRAGMENTS = st.sampled_from(
    [".".join(map(str, key)).rsplit(".", maxsplit=1)[-1] + ":" for key in known_keys()]
    + [
        " ",
        "  ",
        "\n",
        "- ",
        "&a ",
        "*a",
        "!!int ",
        "? ",
        "| ",
        "> ",
        "[",
        "]",
        "{",
        "}",
        "${X}",
        "${",
        "'",
        '"',
        "\\x",
    ]
    + ["1e9", "0x1F", "5s", "~", "<<: ", "%YAML 9", "%TAG ", "---", "...", "@", "`", "\t", "\x85", "\ud83d", "😀", "-"]
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(st.text(), st.lists(FRAGMENTS).map("".join), st.binary()))
def test_any_content_loads_or_is_a_configuration_error(content: str | bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "any.yaml")
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
        try:
            assert isinstance(load(path, {"X": "\udcff"}), Settings)
        except ConfigurationError as error:
            assert str(error).startswith(str(path))  # noqa: PT017  # either outcome is right


@given(
    st.text(alphabet=st.characters()), st.sampled_from(["LLM_PROVIDER_CREDENTIALS", "LOG_LEVEL", "ORCHESTRATOR_PORT"])
)
def test_any_variable_is_taken_or_is_a_configuration_error(value: str, name: str) -> None:
    try:
        load(Path(os.devnull), {name: value})
    except ConfigurationError as error:
        assert name in str(error)  # noqa: PT017  # either outcome is right
