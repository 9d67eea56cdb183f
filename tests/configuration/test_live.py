from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from app.configuration import LiveSettings, live, load_live
from app.errors import ConfigurationError

_CONFIG = """\
models:
  m: {{provider: openai, model: x, base_url: "http://127.0.0.1:1", api_key: "${{file:{key}}}"}}
  n: {{provider: scripted, options: {{default: "${{NAME}}"}}}}
connectors:
  c: {{url: "http://127.0.0.1:1", headers: {{x: "Bearer ${{file:{token}:-none}}"}}}}
secret_sources: {{refresh: 10ms}}
"""


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(live, "_BETWEEN", 0.01)
    file = tmp_path / "key"
    file.write_text("sk-old\n", encoding="utf-8")
    return file


@pytest.fixture
def found(key: Path, tmp_path: Path) -> LiveSettings:
    config = tmp_path / "meta-ai.yaml"
    config.write_text(_CONFIG.format(key=key, token=tmp_path / "token"), encoding="utf-8")
    return load_live(config, {"NAME": "${file:/etc/passwd}"})


def write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")


def remove(file: Path) -> None:
    file.unlink()


def api_key(found: LiveSettings) -> str:
    secret = found.settings.models["m"].api_key
    return secret.get_secret_value() if secret else ""


def header(found: LiveSettings) -> str:
    return found.settings.connectors["c"].headers["x"].get_secret_value()


def test_that_references_are_replaced_and_known(found: LiveSettings) -> None:
    assert (api_key(found), header(found)) == ("sk-old", "Bearer none")
    assert found.refers("models", "m")
    assert found.refers("connectors", "c")
    assert not found.refers("models", "n")
    assert not found.refers("cache")
    assert found.settings.models["n"].options["default"] == "${file:/etc/passwd}"  # what a value holds is no reference


async def test_that_a_changed_file_is_a_changed_setting(found: LiveSettings, key: Path, tmp_path: Path) -> None:
    part, told = found.part(lambda settings: settings.models["m"]), []
    found.changed = lambda: told.append(api_key(found))
    before: Any = part.value
    await part.renew()
    assert part.value is before
    write(key, "sk-new\n")
    write(tmp_path / "token", "t\n")
    assert part.value is before
    await part.renew()
    assert (api_key(found), header(found), told) == ("sk-new", "Bearer t", ["sk-new"])
    assert {"sk-old", "sk-new", "Bearer none", "Bearer t"} <= set(found.secrets)


async def test_that_it_is_read_again_by_and_by(found: LiveSettings, key: Path) -> None:
    following = asyncio.create_task(found.follow())
    write(key, "sk-new")
    async with asyncio.timeout(60):
        while api_key(found) != "sk-new":  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0.01)
    following.cancel()


async def test_that_all_who_ask_at_once_are_served_by_one_reading(
    found: LiveSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings = 0

    def reread() -> bool:
        nonlocal readings
        readings += 1
        return False

    monkeypatch.setattr(found._reader, "reread", reread)
    await asyncio.gather(*(found.renew() for _ in range(50)))
    assert readings == 1


async def test_that_what_cannot_be_read_or_used_leaves_the_old_secret(
    found: LiveSettings, key: Path, caplog: pytest.LogCaptureFixture
) -> None:
    remove(key)
    await found.renew()
    assert "a secret cannot be read again, and stays as it is" in caplog.text
    write(key, "sk-two\nlines")
    await found.renew()
    assert "a secret has changed, and is not valid" in caplog.text
    assert "sk-two" not in caplog.text
    assert api_key(found) == "sk-old"
    write(key, "sk-new")
    await found.renew()
    assert api_key(found) == "sk-new"


def test_that_a_missing_file_stops_the_start(tmp_path: Path) -> None:
    config = tmp_path / "meta-ai.yaml"
    config.write_text(_CONFIG.format(key=tmp_path / "none", token=""), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"2: models\.m\.api_key: .*none cannot be read: No such file"):
        load_live(config, {"NAME": ""})
