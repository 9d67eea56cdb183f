"""Odd values on the topics, as producers send them: each task ends as a result, and nothing changes in silence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from app.brokers.ports import free_port
from tests.e2e.commands import Cli
from tests.e2e.raw import RawTopics

pytestmark = pytest.mark.slow

_CONFIG = """\
app_id: odd
broker: {kind: embedded, port: PORT}
topics: {partitions: 4}
delivery: {max_event_bytes: 5000}
workflows: [workflows]
models: {one: {provider: scripted, options: {default: "ok"}}}
ask: {models: [one]}
retrieval: {embedder: hashing}
server: {port: 0}
"""
_ECHO = "id: echo\nsteps: {a: {kind: transform, value: input.x}}\n"
_GATE = "id: gate\nsteps: {a: {kind: wait, signal: go, timeout: 1m}}\n"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cli, str]]:
    folder, port = tmp_path_factory.mktemp("odd"), free_port()
    (folder / "workflows").mkdir()
    (folder / "meta-ai.yaml").write_text(_CONFIG.replace("PORT", str(port)), encoding="utf-8")
    for name, text in (("echo", _ECHO), ("gate", _GATE)):
        (folder / "workflows" / f"{name}.yaml").write_text(text, encoding="utf-8")
    cli = Cli(folder)
    with cli.hosted():
        yield cli, f"127.0.0.1:{port}"


def echo(id_: str, x: str = '"é"', **fields: Any) -> str:
    """Return the JSON of a task whose answer is `x`, which is written as it is."""
    more = "".join(f", {json.dumps(name)}: {json.dumps(value)}" for name, value in fields.items())
    return f'{{"id": "{id_}", "workflow": "echo", "input": {{"x": {x}}}{more}}}'


FRAME = b"\0\0\0\0\x07"
GOOD: dict[str, bytes] = {
    "null-tenant": echo("null-tenant", tenant=None).encode(),
    "all-null": echo("all-null", version=None, priority=None, tenant=None, deadline=None, metadata=None).encode(),
    "null-in-metadata": echo("null-in-metadata", metadata={"a": None}, parent=None).encode(),
    "bom": echo("bom").encode("utf-8-sig"),
    "utf-16": echo("utf-16").encode("utf-16"),
    "utf-16-be": echo("utf-16-be").encode("utf-16-be"),
    "utf-32": echo("utf-32").encode("utf-32"),
    "registry": FRAME + echo("registry").encode(),
    "glue": b"\3\0" + bytes(16) + echo("glue").encode(),
    "cesu": echo("cesu", '"é"').encode() + b"\r\n",
}


async def test_what_is_meant_is_done(place: tuple[Cli, str]) -> None:
    async with RawTopics(place[1], 4) as topics:
        for number, value in enumerate(GOOD.values()):
            await topics.send("tasks", value, None, number % 4)
        latin = [("content-type", b"application/json; charset=iso-8859-1")]
        await topics.send("tasks", echo("latin").encode("latin-1"), b"other", 2, latin)
        found = await topics.results(*GOOD, "latin")
        answers = {id_: (found[id_]["status"], found[id_].get("answer")) for id_ in (*GOOD, "latin")}
        assert answers == dict.fromkeys(answers, ("succeeded", "é"))
        assert not [id_ for id_ in answers if "warnings" in found[id_]]


WARNED: dict[str, tuple[bytes, Any, str]] = {
    "misspelt": (echo("misspelt", piority=3).encode(), "é", "piority: unknown key; did you mean `priority`?"),
    "case": (echo("case", Deadline="2030-01-01").encode(), "é", "Deadline: unknown key; did you mean `deadline`?"),
    "half": (echo("half", '"a\\ud83d"').encode(), "a\ufffd", "half of a character (a lone surrogate) is replaced"),
    "twice": (
        echo("twice").replace('"id"', '"workflow": "nope", "id"').encode(),
        "é",
        "the key 'workflow' is there twice; its last value counts",
    ),
    "digits": (
        echo("digits", "0.12345678901234567890").encode(),
        0.12345678901234568,
        "the number 0.12345678901234567890 is rounded to 0.12345678901234568",
    ),
}


async def test_what_is_ignored_or_changed_is_told_in_the_result(place: tuple[Cli, str]) -> None:
    async with RawTopics(place[1], 4) as topics:
        for number, (value, _, _) in enumerate(WARNED.values()):
            await topics.send("tasks", value, None, number % 4)  # most of them elsewhere than at home
        found = await topics.results(*WARNED)
        for id_, (_, answer, warning) in WARNED.items():
            assert (found[id_]["status"], found[id_]["answer"]) == ("succeeded", answer)
            (told,) = found[id_]["warnings"]
            assert told.startswith(warning)


BAD: dict[str, tuple[bytes | None, bytes | None, str, str]] = {
    "no-input": (b'{"id": "no-input", "inptu": {}}', None, "invalid_event", "input: is required"),
    "null-input": (b'{"id": "null-input", "input": null}', b"k", "invalid_event", "input: is required"),
    "wrong": (echo("wrong", metadata={"a": 1}).encode(), None, "invalid_event", "metadata.a: "),
    "nan": (echo("nan", "NaN").encode(), b"nan", "invalid_event", "NaN is not valid JSON; send null, or a string"),
    "huge": (echo("huge", "1e999").encode(), b"huge", "invalid_event", "the number 1e999 is beyond a 64-bit float"),
    "cut": (echo("cut").encode()[:-5], b"cut", "invalid_event", "Invalid JSON: it ends too early"),
    "latin-1": (echo("x").encode("latin-1"), b"latin-1", "invalid_event", "not UTF-8"),
    "avro": (FRAME + b"\x02\x06abc", b"avro", "invalid_event", "the five bytes of a schema registry"),
    "large": (echo("large", json.dumps("x" * 6000)).encode(), None, "too_large", "delivery.max_event_bytes"),
    "python": (b"{'id': 'python', 'input': {}}", b"python", "invalid_event", "strings need double quotes"),
    "string": (json.dumps(echo("string")).encode(), b"string", "invalid_event", "encodes it twice"),
    "tombstone": (None, b"tombstone", "invalid_event", "not null"),
}


async def test_whoever_waits_for_an_invalid_task_hears(place: tuple[Cli, str]) -> None:
    async with RawTopics(place[1], 4) as topics:
        await topics.send("tasks", echo("taken").encode(), None)
        assert (await topics.results("taken"))["taken"]["status"] == "succeeded"
        for number, (value, key, _, _) in enumerate(BAD.values()):
            await topics.send("tasks", value, key, number % 4)
        await topics.send("tasks", b'{"id": "taken"}', None)
        await topics.send("tasks", b"{", None)
        dead = await topics.until("dead-letters", lambda records: len(records) >= len(BAD) + 2)
        assert {record.value for record in dead} == {value for value, *_ in BAD.values()} | {b'{"id": "taken"}', b"{"}
        found = await topics.results(*BAD)
        for id_, (_, _, code, words) in BAD.items():
            assert (found[id_]["status"], found[id_]["error"]["code"]) == ("failed", code)
            assert words in found[id_]["error"]["message"]
        # One that comes later is done, and stands.
        await topics.send("tasks", echo("nan").encode(), b"nan")
        again = await topics.until("results", lambda records: sum(one.key == b"nan" for one in records) == 2)
        assert json.loads([one for one in again if one.key == b"nan"][-1].value)["status"] == "succeeded"
        assert [json.loads(one.value)["status"] for one in again if one.key == b"taken"] == ["succeeded"]


async def test_signals_are_read_in_the_same_way(place: tuple[Cli, str]) -> None:
    async with RawTopics(place[1], 4) as topics:
        ids = ("gate-0", "gate-1", "gate-2", "gate-3")
        for id_ in ids:
            await topics.send("tasks", f'{{"id": "{id_}", "workflow": "gate", "input": {{}}}}'.encode(), None)
        for number, id_ in enumerate(ids):  # whatever its home is, most are elsewhere
            text = f'{{"task_id": "{id_}", "kind": null, "name": "go", "payload": "é", "actor": null}}'
            await topics.send("signals", text.encode("utf-8-sig"), None, number)
        found = await topics.results(*ids)
        assert {id_: found[id_]["answer"] for id_ in ids} == dict.fromkeys(ids, "é")


def test_a_file_in_utf_16_is_sent(place: tuple[Cli, str]) -> None:
    cli, _ = place
    lines = echo("file-1", tenant=None) + "\r\n" + echo("file-2", '"\\ud83d"') + "\r\n" + echo("file-3", "[1, NaN]")
    (cli.folder / "tasks.jsonl").write_bytes(lines.encode("utf-16"))
    said = cli("tasks", "send", "tasks.jsonl", "--wait", exit_code=1)
    assert "file-1  succeeded" in said
    assert "line 2: half of a character (a lone surrogate) is replaced by U+FFFD" in said
    assert "line 3: Invalid JSON: NaN is not valid JSON; send null, or a string" in said


def test_a_task_is_shown_with_its_warnings(place: tuple[Cli, str]) -> None:
    cli, _ = place
    found = cli.objects("runs", "wait", "misspelt")
    assert found[0]["warnings"] == ["piority: unknown key; did you mean `priority`?"]
    for command in ("wait", "show"):
        assert "warning: piority: unknown key; did you mean `priority`?" in cli("runs", command, "misspelt")
