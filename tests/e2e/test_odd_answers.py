"""Answers as providers really send them: a task in, a result and a record of spending out, through the real process."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.request import urlopen

import pytest

from tests.e2e.commands import Cli
from tests.e2e.odd_provider import COST, COUNTS, END, USAGE, Answer, as_json, call, piece, provider, stream, whole

pytestmark = pytest.mark.slow

HELLO = "Hello there."
_HELLOS = (piece("Hello "), piece("there."), piece(reason="stop"), COUNTS)
_SIZE = {"message": {"content": "Größe"}, "finish_reason": "stop"}
BOTH = (False, True)
_BOM = "\ufeff".encode()
_ANTHROPIC = {"type": "invalid_request_error", "message": "no streams"}


def _raw(content: bytes) -> bytes:
    """Return the event of a text that may end amid a character."""
    return b'data: {"choices": [{"delta": {"content": "%b"}}]}\n\n' % content


def _order(number: int, **fields: Any) -> dict[str, Any]:
    return call(f'{{"n": {number}}}', **fields)


#: Answers that are used: the answer's text, what was repaired, and how it is sent, whole and as a stream.
USED: Mapping[str, tuple[str, set[str], Mapping[bool, Answer]]] = {
    # What is not needed does not decide.
    "delta-null": (
        HELLO,
        set(),
        {True: stream(piece(HELLO), {"choices": [{"delta": None, "finish_reason": "stop"}]}, COUNTS)},
    ),
    "choices-null": (HELLO, set(), {True: stream(piece(HELLO), {"choices": None, "usage": None}, "", "null", *END)}),
    "sparse": (HELLO, set(), {False: as_json({"choices": [{"message": {"content": HELLO}, "finish_reason": "stop"}]})}),
    "usage-odd": (
        HELLO,
        set(),
        {False: whole(usage={"prompt_tokens": 10.0, "completion_tokens": 4.5, "total_tokens": None})},
    ),
    "usage-text": (
        HELLO,
        set(),
        {False: whole(usage="14"), True: stream(piece(HELLO), piece(reason="stop"), {"usage": [1]})},
    ),
    "logprobs-odd": (
        HELLO,
        {"fields"},
        {True: stream({"choices": [{"delta": {"content": HELLO}, "logprobs": {"content": [7]}}]}, *END)},
    ),
    "parts": (
        HELLO,
        set(),
        {False: whole(["Hello ", {"type": "text", "text": "there."}]), True: stream(piece([{"text": HELLO}]), *END)},
    ),
    "tools-null": (HELLO, set(), {False: whole(tool_calls=None, refusal=None, audio=None, function_call=None)}),
    # The end.
    "finish-null": (HELLO, {"finish"}, {False: whole(reason=None), True: stream(piece(HELLO), COUNTS, "[DONE]")}),
    "finish-empty": (
        HELLO,
        {"finish"},
        {False: whole(reason=""), True: stream(piece(HELLO, ""), COUNTS, "[DONE]", end=b"")},
    ),
    "no-mark": (HELLO, set(), {True: stream(piece(HELLO), piece(reason="stop"), end=b"")}),
    # Framing.
    "bom": (HELLO, {"framing"}, {True: stream(piece("Hello "), piece("there."), *END, before=_BOM)}),
    "bom-whole": (HELLO, {"framing"}, {False: Answer(_BOM + whole().body, "application/json")}),
    "text-plain": (HELLO, set(), {True: stream(piece(HELLO), *END, kind="text/plain; charset=utf-8")}),
    "no-type": (HELLO, set(), {True: stream(b": hi\n\n", piece(HELLO), *END, kind="application/octet-stream")}),
    "whole-for-stream": (HELLO, {"framing"}, {True: whole()}),
    "stream-for-whole": (HELLO, {"framing"}, {False: stream(piece("Hello "), piece("there."), *END)}),
    "unframed": (
        HELLO,
        {"framing"},
        {True: stream(json.dumps(piece("Hello ")).encode() + b"\n", piece("there."), *END)},
    ),
    "keep-alive-texts": (
        HELLO,
        {"framing"},
        {True: stream(piece("Hello "), "ping", b": hi\n\n", b"event: ping\ndata: {}\n\n", piece("there."), *END)},
    ),
    "no-empty-lines": (
        HELLO,
        {"framing"},
        {True: stream(b"".join(b"data: %b\n" % json.dumps(one).encode() for one in _HELLOS), "[DONE]", end=b"\n")},
    ),
    "several-in-one": (
        HELLO,
        {"framing"},
        {True: stream(b"data: %b\n\n" % b"".join(json.dumps(one).encode() for one in _HELLOS), COUNTS, "[DONE]")},
    ),
    "capitals": (
        HELLO,
        set(),
        {True: stream(b"Event: x\nDATA: %b\n\n" % json.dumps(piece(HELLO)).encode(), *END)},
    ),
    "garbage": (HELLO, {"framing"}, {False: Answer(whole().body + b"\0}<!-- end -->", "application/json")}),
    "gzip": (
        HELLO,
        set(),
        {
            False: Answer(gzip.compress(whole().body), "application/json", encoding="gzip"),
            True: Answer(gzip.compress(stream(piece(HELLO), *END).body), "text/event-stream", encoding="gzip"),
        },
    ),
    "no-encoding": (HELLO, set(), {False: Answer(whole().body, "application/json", encoding="none")}),
    "digits": (
        HELLO,
        set(),
        {False: Answer(whole().body.replace(b'"x"', b"9" * 5000), "application/json")},
    ),
    # Where things are.
    "usage-groq": (HELLO, set(), {True: stream(piece(HELLO), {**piece(reason="stop"), "x_groq": {"usage": USAGE}})}),
    "usage-in-choice": (
        HELLO,
        set(),
        {True: stream(piece(HELLO), {"choices": [{"delta": {}, "finish_reason": "stop", "usage": USAGE}]}, "[DONE]")},
    ),
    "choices": (
        HELLO,
        {"fields"},
        {
            False: as_json(
                {
                    "choices": [
                        {"index": 1, "message": {"content": "Other."}, "finish_reason": "stop"},
                        {"index": 0, "message": {"content": HELLO}, "finish_reason": "stop"},
                    ],
                    "usage": USAGE,
                }
            ),
            True: stream(
                *({"choices": [{"index": at, "delta": {"content": said}}]} for at, said in ((1, "O"), (0, HELLO))),
                *END,
            ),
        },
    ),
    "empty-error": (HELLO, set(), {False: as_json({**json.loads(whole().body), "error": {"code": 0, "message": ""}})}),
    # Characters.
    "latin-1": (
        "Größe",
        set(),
        {
            False: Answer(
                json.dumps({"choices": [_SIZE], "usage": USAGE}, ensure_ascii=False).encode("latin-1"),
                "application/json; charset=ISO-8859-1",
            ),
            True: stream(_raw("Größe".encode("latin-1")), *END, kind="text/event-stream; charset=iso-8859-1"),
        },
    ),
    "halves": ("Well done 😀", {"characters"}, {True: stream(piece("Well done \ud83d"), piece("\ude00"), *END)}),
    "half": ("Hi \ufffd", {"characters"}, {False: whole("Hi \ud83d"), True: stream(piece("Hi \ud83d"), *END)}),
    "bytes": ("Größe", {"characters"}, {True: stream(_raw(b"Gr\xc3"), _raw(b"\xb6\xc3\x9fe"), *END)}),
}

#: Calls: how many there are in the end, and how they are sent.
CALLS: Mapping[str, Mapping[bool, Answer]] = {
    "empty-ids": {
        False: whole(None, "tool_calls", tool_calls=[_order(17, id=""), _order(18, id="")]),
        True: stream(*(piece(tool_calls=[_order(n, index=0, id="")]) for n in (17, 18)), *END),
    },
    "null-ids": {True: stream(*(piece(tool_calls=[_order(n, index=None, id=None)]) for n in (17, 18)), *END)},
    "same-ids": {False: whole(None, "stop", tool_calls=[_order(17, id="x"), _order(18, id="x")])},
    "objects": {
        False: whole("", "tool_calls", tool_calls=[call({"n": 17}, id="a"), call({"n": 18}, id="b")]),
        True: stream(piece(tool_calls=[call({"n": 17}, index=0), call({"n": 18}, index=1)]), *END),
    },
    "ids-again": {
        True: stream(
            *(piece(tool_calls=[call(said, id=str(n))]) for n in (17, 18) for said in ('{"n"', f": {n}}}")), *END
        )
    },
    "all-again": {
        True: stream(
            piece(tool_calls=[_order(17, index=0, id="a"), _order(18, index=1, id="b")]),
            piece(tool_calls=[_order(17, index=0, id="a"), _order(18, index=1, id="b")]),
            *END,
        )
    },
}

#: What is not an answer: the code and the reason, and whether it is asked for again.
REFUSED: Mapping[str, tuple[str, str, bool, Mapping[bool, Answer]]] = {
    "empty": ("empty_answer", "no text", False, {False: whole(""), True: stream(piece(""), *END)}),
    "null": ("empty_answer", "no text", False, {False: whole(None), True: stream(*END)}),
    "space": (
        "empty_answer",
        "no text",
        False,
        {False: whole(" \n"), True: stream(piece("\u200b "), piece("\n"), *END)},
    ),
    "thoughts": (
        "empty_answer",
        "reasoning",
        False,
        {False: whole(None, reasoning_content="391"), True: stream(piece(reasoning_content="391"), *END)},
    ),
    "think-tags": (
        "empty_answer",
        "reasoning",
        False,
        {False: whole("<think>391</think>"), True: stream(piece("<think>39"), piece("1</think>\n"), *END)},
    ),
    "thoughts-cut": (
        "empty_answer",
        "max_tokens",
        False,
        {
            False: whole("", "length", reasoning="Hm"),
            True: stream(piece(reasoning="Hm"), piece(reason="length"), COUNTS, "[DONE]"),
        },
    ),
    "error-for-stream": (
        "invalid_request",
        "no streams",
        False,
        {True: as_json({"error": {**_ANTHROPIC, "code": "unsupported"}})},
    ),
    "error-code-text": (
        "unauthorized",
        "who?",
        False,
        {mode: as_json({"error": {"message": "who?", "code": "401"}}) for mode in BOTH},
    ),
    "error-in-choice": (
        "invalid_request",
        "too long",
        False,
        {
            False: as_json({"choices": [{"error": {"message": "too long", "code": 400}}]}),
            True: stream(
                piece("Hel"),
                {"choices": [{"delta": {}, "error": {"message": "too long", "code": 400}, "finish_reason": "error"}]},
            ),
        },
    ),
    "error-in-list": (
        "unauthorized",
        "who?",
        False,
        {
            mode: as_json([{"error": {"message": "who?", "status": "UNAUTHENTICATED"}}], status=status)
            for mode, status in ((False, 401), (True, 200))
        },
    ),
    "error-unframed": (
        "invalid_request",
        "too long",
        False,
        {True: stream(piece("Hel"), b'{"error": {"message": "too long",\n "type": "invalid_request_error"}}')},
    ),
    "error-event": (
        "invalid_request",
        "too long",
        False,
        {True: stream(piece("Hel"), b'event: error\ndata: {"message": "too long", "code": 422}\n\n')},
    ),
    "error-text": (
        "unavailable",
        "down for now",
        True,
        {False: as_json({"error": "down for now"}), True: stream({"error": "down for now"})},
    ),
    "error-line": (
        "invalid_request",
        "too long",
        False,
        {True: stream(piece("Hel"), b'error: {"code": 400, "message": "too long"}\n\n')},
    ),
    "error-words": ("unavailable", "Bad Gateway", True, {True: stream(piece("Hel"), b"<h1>Bad Gateway</h1>\n")}),
    "error-msg": (
        "unauthorized",
        "who?",
        False,
        {False: as_json({"code": "401", "msg": "who?"}), True: stream(piece("Hel"), {"Code": 401, "Msg": "who?"})},
    ),
    "error-aws": (
        "invalid_request",
        "too long",
        False,
        {mode: as_json({"__type": "com.amazon#ValidationException", "Message": "too long"}) for mode in BOTH},
    ),
    "error-in-text": (
        "unauthorized",
        "who?",
        False,
        {mode: as_json({"error": json.dumps({"error": {"message": "who?", "code": 401}})}) for mode in BOTH},
    ),
    "error-minimax": (
        "unavailable",
        "no balance",
        True,
        {
            mode: as_json({"choices": None, "base_resp": {"status_code": 1008, "status_msg": "no balance"}})
            for mode in BOTH
        },
    ),
    "error-beside": (
        "invalid_request",
        "too long",
        False,
        {mode: as_json({"statusCode": 400, "error": "Bad Request", "message": "too long"}) for mode in BOTH},
    ),
    "sensitive": (
        "content_filtered",
        "filter",
        False,
        {False: whole(reason="sensitive"), True: stream(piece(HELLO), piece(reason="guardrail_intervened"), COUNTS)},
    ),
    "refusal-part": (
        "content_filtered",
        "I cannot",
        False,
        {
            False: whole([{"type": "refusal", "refusal": "I cannot."}]),
            True: stream(piece([{"type": "refusal", "refusal": "I cannot."}]), *END),
        },
    ),
    "thinking": (
        "empty_answer",
        "reasoning",
        False,
        {False: whole("[THINK]391[/THINK]"), True: stream(piece(None, thinking="391"), *END)},
    ),
    "cut": ("unavailable", "without a finish reason", True, {True: stream(piece("Hel"))}),
    "page": ("unavailable", "text/html", True, {True: Answer(b"<html>Log in</html>", "text/html")}),
    "nameless": (
        "unavailable",
        "without a name",
        True,
        {False: whole(None, "tool_calls", tool_calls=[{"id": "a", "function": {"arguments": "{}"}}])},
    ),
}

#: An answer that broke off, how the next model goes on, and what comes of both.
CONTINUED = {
    "again": ("The capital is ", ("The capital ", "is Paris."), "The capital is Paris."),
    "again-amid": ("The capital is Pa", ("\nThe capital is Paris.",), "The capital is Paris."),
    "end-again": ("Of France, the capital is ", ("the capital ", "is Paris."), "Of France, the capital is Paris."),
    "goes-on": ("The capital is ", ("Par", "is."), "The capital is Paris."),
}


def _answers() -> dict[str, Mapping[bool, Answer]]:
    found: dict[str, Mapping[bool, Answer]] = {name: sent for name, (_, _, sent) in USED.items()}
    found |= CALLS
    found |= {name: sent for name, (*_, sent) in REFUSED.items()}
    for name, (cut, rest, _) in CONTINUED.items():
        found |= {f"{name}-1": {True: stream(piece(cut))}, f"{name}-2": {True: stream(*map(piece, rest), *END)}}
    good = stream(piece("Hello "), piece("there."), *END)
    return found | {"good": {False: whole(), True: good}}


def _config(url: str, names: list[str]) -> dict[str, Any]:
    shared = {"provider": "openai", "base_url": url, "attempts": 2, "price": {"input": 1, "output": 2}}
    return {
        "app_id": "e2e-odd",
        "topics": {"partitions": 2},
        "models": {name: {**shared, "model": name} for name in names},
        "ask": {"models": ["good"], "retrieve": False},
        "workflows": ["workflows"],
        "retrieval": {"embedder": "hashing"},
        "server": {"port": 0},
    }


def _step(*models: str, streamed: bool = False, **more: Any) -> dict[str, Any]:
    first = {"routing": {"policy": "fixed", "choose": 1}} if len(models) > 1 else {}
    return {"kind": "ask", "models": list(models), "prompt": "Hello?", "stream": streamed, **first, **more}


def _steps() -> dict[str, dict[str, Any]]:
    """Return the one step of each workflow."""
    tool = {"name": "find_order", "parameters": {"type": "object"}}
    found = {}
    for name, sent in _answers().items():
        for mode in sent:
            more = {"tools": [tool]} if name in CALLS else {}
            found[_name(name, streamed=mode)] = _step(name, streamed=mode, **more)
    for mode in BOTH:
        found[_name("fallback", streamed=mode)] = _step("empty", "good", streamed=mode)
    panel = _step("empty", "good", "space", fusion={"strategy": "vote", "quorum": 1})
    found["panel--whole"] = {**panel, "routing": {"policy": "fixed"}}
    for name in CONTINUED:
        found[name] = _step(f"{name}-1", f"{name}-2", streamed=True)
    return found


def _name(case: str, *, streamed: bool) -> str:
    return f"{case}--{'streamed' if streamed else 'whole'}"


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return all results, what each model has cost and how often it was asked, and a run as it is shown."""
    folder = tmp_path_factory.mktemp("odd")
    steps, answers = _steps(), _answers()
    (folder / "workflows").mkdir()
    for name, step in steps.items():
        written = json.dumps({"id": name, "steps": {"a": step}})
        (folder / "workflows" / f"{name}.yaml").write_text(written, encoding="utf-8")
    cli = Cli(folder)
    with provider(answers) as (url, asked):
        (folder / "meta-ai.yaml").write_text(json.dumps(_config(url, list(answers))), encoding="utf-8")
        with cli.hosted() as said:
            lines = "".join(json.dumps({"id": name, "workflow": name, "input": {}}) + "\n" for name in steps)
            sent = cli.objects("tasks", "send", "-", "--wait", text=lines, exit_code=1)
            shown = cli("runs", "show", "halves--streamed")
            spent = {row["name"]: row for row in cli.objects("spend")}
            with urlopen(f"http://{said['http']}/metrics", timeout=10) as answer:  # our own
                metrics = answer.read().decode()
    results = {one["task_id"]: one for one in sent if "status" in one}
    return {"results": results, "spent": spent, "asked": dict(asked), "shown": shown, "metrics": metrics}


@pytest.mark.parametrize(("case", "streamed"), [(name, mode) for name, (_, _, sent) in USED.items() for mode in sent])
def test_an_answer_that_can_be_used_is_used(seen: dict[str, Any], case: str, *, streamed: bool) -> None:
    text, repaired, sent = USED[case]

    result = seen["results"][_name(case, streamed=streamed)]

    assert (result["status"], result["answer"]) == ("succeeded", text)
    (candidate,) = result["candidates"]
    assert set(candidate.get("repaired", ())) - {"framing"} == repaired - {"framing"}
    assert "framing" not in repaired or "framing" in candidate["repaired"]
    assert seen["asked"][case] == len(sent)


def test_what_was_used_is_paid_for(seen: dict[str, Any]) -> None:
    counted = {
        name for name, (_, _, sent) in USED.items() if name not in {"sparse", "usage-odd", "usage-text", "no-mark"}
    }

    for name in counted:
        assert seen["spent"][name]["cost"] == pytest.approx(len(USED[name][2]) * COST), name
    for name in USED:
        assert seen["spent"][name]["calls"] == len(USED[name][2])


def test_a_run_shows_what_was_repaired(seen: dict[str, Any]) -> None:
    (row,) = (line for line in seen["shown"].splitlines() if line.strip().startswith("* halves"))
    assert "repaired: characters" in row


def test_a_metric_counts_what_was_repaired(seen: dict[str, Any]) -> None:
    counted = dict(re.findall(r'answers_repaired_total\{kind="characters",model="(\S+)"\} (\S+)', seen["metrics"]))
    assert counted == {"halves": "1.0", "half": "2.0", "bytes": "1.0"}


@pytest.mark.parametrize(("case", "streamed"), [(name, mode) for name, sent in CALLS.items() for mode in sent])
def test_two_calls_are_two(seen: dict[str, Any], case: str, *, streamed: bool) -> None:
    result = seen["results"][_name(case, streamed=streamed)]

    assert result["status"] == "succeeded"
    first, second = result["tool_calls"]
    assert (json.loads(first["arguments"]), json.loads(second["arguments"])) == ({"n": 17}, {"n": 18})
    assert first["id"] != second["id"]


@pytest.mark.parametrize(("case", "streamed"), [(name, mode) for name, (*_, sent) in REFUSED.items() for mode in sent])
def test_what_is_not_an_answer_says_why(seen: dict[str, Any], case: str, *, streamed: bool) -> None:
    code, why, _, _ = REFUSED[case]

    error = seen["results"][_name(case, streamed=streamed)]["error"]

    assert error["code"] == code
    assert why in error["message"]


@pytest.mark.parametrize("case", REFUSED)
def test_only_what_may_pass_is_asked_for_again(seen: dict[str, Any], case: str) -> None:
    _, _, again, sent = REFUSED[case]
    others = {"empty": 3, "space": 1}.get(case, 0)  # with a fallback, and in the panel

    assert seen["asked"][case] == len(sent) * (2 if again else 1) + others


@pytest.mark.parametrize(("case", "streamed"), [("fallback", False), ("fallback", True), ("panel", False)])
def test_an_empty_answer_is_a_failed_model(seen: dict[str, Any], case: str, *, streamed: bool) -> None:
    result = seen["results"][_name(case, streamed=streamed)]

    assert (result["status"], result["answer"], result["degraded"]) == ("succeeded", HELLO, True)
    errors = {one["model"]: one["error"]["code"] for one in result["candidates"] if "error" in one}
    assert set(errors.values()) == {"empty_answer"}
    assert {one["model"] for one in result["candidates"] if one["chosen"]} == {"good"}


@pytest.mark.parametrize("case", CONTINUED)
def test_what_the_next_model_repeats_is_said_once(seen: dict[str, Any], case: str) -> None:
    result = seen["results"][case]

    assert result["answer"] == CONTINUED[case][2]
    repaired = {name for one in result["candidates"] for name in one.get("repaired", ())}
    assert repaired == (set() if case == "goes-on" else {"repeated"})
