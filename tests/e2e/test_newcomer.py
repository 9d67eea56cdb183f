"""The command line as a newcomer meets it: in pipes, on narrow terminals, with misspelt names and failed runs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.cells import cell_len

from tests.e2e.commands import COMMAND, PATIENCE, Cli, environment
from tests.e2e.terminal import on_terminal, without_colour

pytestmark = pytest.mark.slow

LONG = "order-" + "0123456789abcdef" * 7
WIDE = "任务-😀-שלום"
WORDS = "Every word of this answer matters, and none of them is broken by a narrow terminal. " * 4
_CONFIG = f"""\
app_id: newcomer
topics: {{partitions: 2}}
models:
  sound: {{provider: scripted, options: {{default: "{WORDS.strip()}"}}}}
  data: {{provider: scripted, options: {{default: '{{"total": 12.5, "note": "a\\u009bb"}}'}}}}
  broken: {{provider: scripted, attempts: 1, options: {{fail_rate: 1.0}}}}
ask: {{models: [sound], retrieve: false}}
workflows: [flows]
server: {{port: 0}}
"""
_FLOWS = {
    "extract": """\
id: extract
steps: {read: {kind: ask, models: [data], prompt: "{{ input.question }}", schema: {type: object}}}
""",
    "fails": """\
id: fails
steps: {answer: {kind: ask, models: [broken], prompt: "{{ input.question }}"}}
""",
    "alone": """\
id: alone
deadline: 10m
concurrency: {limit: 1, key: input.customer}
steps: {approval: {kind: wait, signal: approval, timeout: 9m}}
""",
}
_TASKS = [
    {"id": LONG, "question": "?"},
    {"id": WIDE, "question": "?", "tenant": "acme"},
    {"id": "e-1", "workflow": "extract", "question": "?"},
    {"id": "f-1", "workflow": "fails", "question": "?"},
]
#: What says that something has no place, on one line.
_LEFT_OUT = re.compile(r"\([^()]*: left out, as the terminal has [0-9]+ columns\)")
_COUNT = re.compile(r"[0-9.,]+")
_WAITING = [{"id": f"w-{number}", "workflow": "alone", "input": {"customer": "acme"}} for number in (1, 2)]


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    folder = tmp_path_factory.mktemp("newcomer")
    (folder / "meta-ai.yaml").write_text(_CONFIG, encoding="utf-8")
    (folder / "flows").mkdir()
    for name, text in _FLOWS.items():
        (folder / "flows" / f"{name}.yaml").write_text(text, encoding="utf-8")
    found = Cli(folder)
    with found.hosted():
        found("tasks", "send", "-", "--wait", text="\n".join(map(json.dumps, _TASKS)), exit_code=1)
        found("tasks", "send", "-", text="\n".join(map(json.dumps, _WAITING)))
        _until_waiting(found)
        yield found


def _until_waiting(cli: Cli) -> None:
    until = time.monotonic() + PATIENCE
    while len(cli.objects("slots")) < len(_WAITING):
        assert time.monotonic() < until
    # Dead letters, as a tool sends what is not a task.
    script = (
        "import asyncio\n"
        "from app.client.client import connect\n"
        "from app.cli.target import find\n"
        "from topics import DEAD_LETTERS\n"
        "async def work():\n"
        "    async with connect(find(None, None)) as client, client.read(DEAD_LETTERS) as letters:\n"
        "        for key, value in ((b'k-1', b'garbage'), (b'k-2', b'{\"input\": 3}'), (b'k-1', b'[')):\n"
        "            await (await client.put('tasks', key, value, []))\n"
        "        left = 3\n"
        "        async for _ in letters.coming(30):\n"
        "            left -= 1\n"
        "            if not left: return\n"
        "asyncio.run(work())\n"
    )
    path = {"PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run([sys.executable, "-c", script], cwd=cli.folder, env=environment() | path, check=True)  # noqa: S603  # our own script


def _piped(cli: Cli, *arguments: str, exit_code: int = 0, **environ: str) -> str:
    """Return what a command writes to a pipe."""
    done = subprocess.run(  # noqa: S603  # our own command
        [*COMMAND, *arguments],
        cwd=cli.folder,
        env=environment() | environ,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == exit_code, f"{done.stdout}\n{done.stderr}"
    return done.stdout


_COMMANDS = (
    ("runs", "list"),
    ("runs", "show", LONG),
    ("runs", "wait", WIDE),
    ("results", "tail", "--until-end"),
    ("dead-letters", "list"),
    ("slots",),
    ("orchestrator", "status"),
    ("topics", "list"),
    ("workflows", "list"),
    ("workflows", "history", "alone"),
    ("adapters", "list"),
    ("routing", "policies"),
    ("spend",),
    ("runs", "list", "-h"),
)


@pytest.mark.parametrize("command", _COMMANDS, ids=" ".join)
def test_in_a_pipe_nothing_is_wrapped_cut_or_coloured(cli: Cli, command: tuple[str, ...]) -> None:
    shown = _piped(cli, *command, FORCE_COLOR="1", COLUMNS="20", TERM="xterm-256color")
    assert "\x1b" not in shown
    assert "…" not in shown
    assert "left out" not in shown
    assert [line for line in shown.splitlines() if line != line.rstrip()] == []
    if command == ("runs", "list"):
        assert {line.split("  ")[0] for line in shown.splitlines()} == {
            "id", LONG, WIDE, "e-1", "f-1", "k-1", "k-2", "w-1", "w-2"
        }  # fmt: skip
    if command == ("results", "tail", "--until-end"):
        assert f"{LONG}  succeeded  " in shown
        assert shown.count(WORDS.strip()) == 2


@pytest.mark.parametrize("command", _COMMANDS[:8], ids=" ".join)
def test_on_a_terminal_no_word_is_broken(cli: Cli, command: tuple[str, ...]) -> None:
    words = set(cli(*command).split())
    for columns in (80, 60, 20):
        shown = without_colour(on_terminal(cli, *command, columns=columns))
        whole = _LEFT_OUT.sub("", " ".join(shown.split())).split()
        # All that is here is there too; only times that pass and counters go on.
        assert [word for word in whole if word not in words and not _COUNT.fullmatch(word) and word.strip("…─█")] == []
        long = [line for line in shown.splitlines() if cell_len(line) > columns]
        assert [line for line in long if all(cell_len(word) <= columns // 2 for word in line.split())] == []


def test_ids_and_states_are_whole_at_every_width_and_what_has_no_place_is_named(cli: Cli) -> None:
    for columns in (80, 60, 20):
        shown = without_colour(on_terminal(cli, "runs", "list", columns=columns))
        rows = {line.split()[0]: line.split() for line in shown.splitlines() if line}
        assert rows[LONG][1] == rows[WIDE][1] == "succeeded"
        assert (rows["f-1"][1], rows["w-1"][1]) == ("failed", "running")
        assert f"left out, as the terminal has {columns} columns)" in " ".join(shown.split())
    wide = without_colour(on_terminal(cli, "runs", "list", columns=400))
    assert "left out" not in wide


def test_colours_are_for_terminals_that_want_them(cli: Cli) -> None:
    assert "\x1b[" in on_terminal(cli, "runs", "show", "e-1", columns=100)
    assert "\x1b[3" not in on_terminal(cli, "runs", "show", "e-1", columns=100, NO_COLOR="1")
    assert "\x1b[" not in on_terminal(cli, "runs", "show", "e-1", columns=100, TERM="dumb")
    assert "\x1b[" not in on_terminal(cli, "runs", "show", "e-1", "--json", columns=20)


def test_an_answer_in_a_file_is_the_answer(cli: Cli) -> None:
    assert json.loads(_piped(cli, "runs", "wait", "e-1")) == {"total": 12.5, "note": "a\x9bb"}
    assert _piped(cli, "runs", "wait", LONG) == f"{WORDS.strip()}\n"


def test_a_reader_that_has_enough_may_go(cli: Cli) -> None:
    for command in ("runs list", "runs list --json", "runs list -h", "results tail --until-end", "adapters list"):
        line = f"{sys.executable} -m meta_ai_orchestrator {command} | head -c 1"
        done = subprocess.run(  # noqa: S603  # a pipe, as somebody types it
            ["/bin/sh", "-c", line],
            cwd=cli.folder,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        )
        assert (len(done.stdout), done.stderr) == (1, "")


def test_an_encoding_that_lacks_characters_is_no_error(cli: Cli) -> None:
    assert "\\U0001f600" in _piped(cli, "runs", "list", PYTHONIOENCODING="ascii")
    rows = [json.loads(line) for line in _piped(cli, "runs", "list", "--json", PYTHONIOENCODING="ascii").splitlines()]
    assert WIDE in {row["id"] for row in rows}


def test_what_is_sent_is_named_with_its_line(cli: Cli) -> None:
    lines = '{"question": "a"}\n\nnonsense\n{"id": "s-2", "question": "b"}\n'
    sent = [json.loads(line) for line in cli("tasks", "send", "-", "--json", text=lines, exit_code=1).splitlines()[:3]]
    assert [(one.get("line"), one.get("id")) for one in sent[1:2]] == [(4, "s-2")]
    assert (sent[0]["line"], len(sent[0]["id"])) == (1, 32)
    assert sent[2] == {"sent": 2, "bad": 1}
    shown = cli("tasks", "send", "-", text='{"id": "s-3", "question": "a"}\n{"id": "s-4", "question": "a"}')
    assert shown.startswith("s-3  line 1\ns-4  line 2\n")
    waited = cli("tasks", "send", "-", "--wait", text='\n{"question": "a"}\n{"id": "s-6", "question": "a"}')
    assert (waited.count("line 2: "), waited.count("line 3: ")) == (1, 0)
    cli("runs", "wait", "s-3", "--timeout", "1m")
    cli("runs", "wait", "s-4", "--timeout", "1m")


def test_results_are_filtered_and_end(cli: Cli) -> None:
    def ids(*options: str) -> set[str]:
        return {one["task_id"] for one in cli.objects("results", "tail", "--until-end", *options)}

    assert {LONG, WIDE, "e-1", "f-1"} <= ids()
    assert ids("--tenant", "acme") == {WIDE}
    assert ids("--workflow", "extract") == {"e-1"}
    assert "f-1" in ids("--status", "failed", "--since", "1h")
    assert ids("--error", "no_such_error") == set()
    assert ids("--since", "2099-01-01") == set()
    assert _piped(cli, "results", "tail", "--until-end", "--status", "cancelled") == "no results\n"


def test_dead_letters_are_chosen_and_looked_at_before_they_are_replayed(cli: Cli) -> None:
    letters = cli.objects("dead-letters", "list")
    assert {one["key"] for one in cli.objects("dead-letters", "list", "--key", "k-1")} == {"k-1"}
    would = cli.objects("dead-letters", "replay", "--reason", "invalid", "--dry-run")
    assert [(one["reason"], one["topic"], one["key"]) for one in would] == [("invalid", "tasks", "k-2")]
    shown = cli("dead-letters", "replay", "--topic", "tasks", "--since", "1h", "--dry-run")
    assert "dry run: 3 would be replayed, nothing was sent" in shown
    assert cli.objects("dead-letters", "list") == letters
    assert _piped(cli, "dead-letters", "replay", "--until", "1h") == "nothing to replay\n"
    assert "did you mean `invalid`?" in cli("dead-letters", "replay", "--reason", "invlid", "--dry-run")
    assert "did you mean `tasks`?" in cli("dead-letters", "list", "--topic", "task", exit_code=2)
    (one,) = cli.objects("dead-letters", "replay", "--reason", "invalid", "--key", "k-2")
    (again,) = [letter for letter in cli.objects("dead-letters", "list") if letter["id"] == one["replayed"]]
    assert again["replayed"].endswith("Z")
    cli("dead-letters", "replay", "--id", "tasks/9/9", "--all", exit_code=2)
    assert "unknown dead letter tasks/9/9" in cli("dead-letters", "replay", "--id", "tasks/9/9", exit_code=1)


def test_a_failed_run_is_sent_again_under_a_new_id(cli: Cli) -> None:
    assert cli.objects("runs", "retry", "f-1") == [{"id": "f-1.retry-1", "retry_of": "f-1"}]
    (result,) = cli.objects("runs", "wait", "f-1.retry-1", exit_code=1)
    assert (result["status"], result["metadata"]) == ("failed", {"retry_of": "f-1"})
    # The first failed too: the next one is the second, of whichever it is asked.
    assert "f-1.retry-2  retry of f-1.retry-1" in cli("runs", "retry", "f-1.retry-1", "--wait", exit_code=1)
    assert cli.objects("runs", "retry", "f-1", "--id", "mine")[0]["id"] == "mine"
    assert "there is a run mine already" in cli("runs", "retry", "f-1", "--id", "mine", exit_code=1)
    assert "succeeded; to run it again" in cli("runs", "retry", "e-1", exit_code=1)
    assert "has not ended; to stop it: meta-ai runs cancel w-1" in cli("runs", "retry", "w-1", exit_code=1)


def test_slots_say_who_holds_them(cli: Cli) -> None:
    holds, waits = cli.objects("slots", "alone")
    assert (holds["run"], holds["state"], holds["key"], holds["limit"]) == ("w-1", "holds", "acme", 1)
    assert (waits["run"], waits["state"], waits["place"]) == ("w-2", "waits", 1)
    assert "did you mean `alone`?" in cli("slots", "alnoe")


def test_status_says_where_the_workers_are_and_what_they_own(cli: Cli) -> None:
    (status,) = cli.objects("orchestrator", "status")
    (worker,) = status["workers"]
    assert worker["host"] == "127.0.0.1"
    assert worker["partitions"]["tasks"] == [0, 1]
    assert worker["member"] == status["members"][0]
    assert "127.0.0.1  0-1" in cli("orchestrator", "status")


@pytest.mark.parametrize(
    ("command", "meant"),
    [
        (("workflows", "get", "extrakt"), "extract"),
        (("workflows", "history", "alnoe"), "alone"),
        (("orchestrator", "rollback", "fials", "--to", "1"), "fails"),
        (("adapters", "describe", "antropic"), "anthropic"),
        (("adapters", "test", "soundd"), "sound"),
        (("spend", "prices", "gpt-5-mni"), "gpt-5-mini"),
        (("runs", "show", LONG[:-2]), LONG),
        (("runs", "wait", WIDE[:-1]), WIDE),
        (("ask", "?", "--workflow", "extrakt"), "extract"),
    ],
    ids=" ".join,
)
def test_a_misspelt_name_is_guessed(cli: Cli, command: tuple[str, ...], meant: str) -> None:
    assert f"did you mean `{meant}`?" in cli(*command, exit_code=1)


def test_a_misspelt_filter_is_guessed(cli: Cli) -> None:
    assert _piped(cli, "runs", "list", "--workflow", "fals") == "no runs of a workflow fals; did you mean `fails`?\n"


def test_times_have_one_form(cli: Cli) -> None:
    (row,) = [row for row in cli.objects("runs", "list") if row["id"] == "e-1"]
    accepted = row["accepted_at"][:19] + "Z"
    assert accepted in _piped(cli, "runs", "list")
    assert f"since {accepted}" in _piped(cli, "runs", "show", "e-1")
    assert cli.objects("workflows", "list")[0]["since"].endswith("Z")
    assert cli.objects("runs", "list", "--since", accepted)
