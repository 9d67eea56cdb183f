from __future__ import annotations

import io
import json
import logging
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.redaction import REDACTED, redactor
from app.settings import TelemetrySettings
from app.telemetry.logs import JsonFormatter, TextFormatter, configure

LIBRARIES = ("faust", "mode", "aiokafka", "httpx")


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root, levels = logging.getLogger(), {name: logging.getLogger(name).level for name in LIBRARIES}
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def record(message: str, *args: object, **extra: Any) -> logging.LogRecord:
    made = logging.LogRecord("app.test", logging.WARNING, "f.py", 1, message, args, None)
    vars(made).update(extra)
    return made


def configured(secrets: tuple[str, ...] = (), **settings: Any) -> io.StringIO:
    stream = io.StringIO()
    configure(TelemetrySettings(**settings), secrets, stream=stream)
    return stream


def test_text_is_one_readable_line() -> None:
    stream = configured()
    logging.getLogger("app.test").warning("lost %d of %d", 1, 2)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]{12}Z WARNING app\.test: lost 1 of 2\n", stream.getvalue())


def test_json_is_one_object_a_line_with_extras() -> None:
    stream = configured(log_format="json")
    logging.getLogger("app.test").error("héllo\nworld", extra={"task": "t-1", "when": datetime(2026, 1, 2, tzinfo=UTC)})
    found = json.loads(stream.getvalue())
    assert stream.getvalue().count("\n") == 1
    assert found.pop("time").endswith("Z")
    assert found == {
        "level": "ERROR",
        "logger": "app.test",
        "message": "héllo\nworld",
        "task": "t-1",
        "when": "2026-01-02 00:00:00+00:00",
    }


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_secrets_are_redacted_wherever_they_stand(log_format: str) -> None:
    secret = 'k"e\\y-é'
    stream = configured((secret, ""), log_format=log_format)
    try:
        int(secret)
    except ValueError:
        logging.getLogger(secret).exception("with %s", secret, extra={"header": {"Authorization": f"Bearer {secret}"}})
    written = stream.getvalue()
    assert REDACTED in written
    assert not any(
        form in written for form in (secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1])
    )
    assert log_format == "text" or json.loads(written)["message"] == f"with {REDACTED}"


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_no_secret_garbles_the_time_and_the_level_of_a_line(log_format: str) -> None:
    year = str(datetime.now(UTC).year)
    stream = configured((year, "WARNING", "00Z"), log_format=log_format)
    logging.getLogger("app.test").warning("in %s", year, extra={"level": "mine"})
    written = stream.getvalue()
    assert year in written
    assert "WARNING" in written
    assert f"in {REDACTED}" in written
    assert log_format == "text" or json.loads(written)["level"] == "WARNING"


@given(st.text(), st.sets(st.text(min_size=6, alphabet="abcdef"), max_size=3))
def test_no_secret_survives(text: str, secrets: set[str]) -> None:
    redact = redactor(secrets)
    for made in (TextFormatter(redact).format(record("%s", text)), JsonFormatter(redact).format(record("%s", text))):
        assert not any(secret in made.replace(REDACTED, "") for secret in secrets)


def test_a_message_cannot_forge_a_line_or_move_the_cursor() -> None:
    written = TextFormatter(redactor(()))
    assert written.format(record("a\n2026 ERROR app: forged\r\x1b[2J")).endswith(
        "a\n    2026 ERROR app: forged\\x0d\\x1b[2J"
    )


def test_an_exception_is_told_whole_in_json() -> None:
    try:
        int("boom")
    except ValueError:
        made = record("failed", exc_info=sys.exc_info())
    found = json.loads(JsonFormatter(redactor(())).format(made))
    assert "ValueError: invalid literal for int() with base 10: 'boom'" in found["exception"]


@pytest.mark.parametrize(
    ("level", "info", "warning"),
    [("INFO", False, True), ("WARNING", False, True), ("ERROR", False, False), ("DEBUG", True, True)],
)
@pytest.mark.parametrize("library", LIBRARIES)
def test_libraries_are_quiet_unless_debugging(library: str, level: str, *, info: bool, warning: bool) -> None:
    stream = configured(log_level=level)
    logging.getLogger(f"{library}.inner").info("chatter")
    logging.getLogger(f"{library}.inner").warning("Heartbeat failed")
    assert ("chatter" in stream.getvalue()) is info
    assert ("Heartbeat failed" in stream.getvalue()) is warning


def test_configuring_again_replaces_only_its_own_handler() -> None:
    foreign = logging.NullHandler()
    logging.getLogger().addHandler(foreign)
    first, second = configured(), configured()
    logging.getLogger("app").warning("once")
    assert (first.getvalue(), second.getvalue().count("once")) == ("", 1)
    assert foreign in logging.getLogger().handlers


def test_standard_error_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    configure(TelemetrySettings())
    logging.getLogger("app").warning("here")
    captured = capsys.readouterr()
    assert "here" in captured.err
    assert captured.out == ""
