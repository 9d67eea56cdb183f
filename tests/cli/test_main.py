from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.cli.main import COMMANDS, build
from app.errors import BrokerError
from app.retrieval.parsing.formats import ENDINGS
from topics.tasks import Task

_HEAVY = ("faust", "aiokafka", "onnxruntime", "openai", "anthropic", "pydantic")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("META_AI_CONFIG", "META_AI_DEBUG", "KAFKA_BOOTSTRAP_SERVERS"):
        monkeypatch.delenv(name, raising=False)


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(build(), list(arguments), prog_name="meta-ai")


def test_the_help_names_every_command() -> None:
    result = _run("--help")
    assert result.exit_code == 0
    assert all(name in result.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str) -> None:
    result = _run(name, "--help")
    assert result.exit_code == 0, result.output
    assert "--install-completion" not in result.stdout


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [(["--help"], _HEAVY), (["ask", "--help"], ("faust", "onnxruntime", "openai")), (["demo", "--help"], ("faust",))],
)
def test_nothing_heavy_is_imported_for_help(arguments: list[str], absent: tuple[str, ...]) -> None:
    code = (
        f"import sys; sys.path[:0] = {sys.path!r}; sys.argv[1:] = {arguments!r}\n"
        "from app.cli.main import main\n"
        "try: main()\n"
        f"except SystemExit as end: sys.exit(end.code or ','.join(n for n in {absent!r} if n in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603  # our own code
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "module",
    [
        "app.cli.backend.api",
        "app.cli.backend.kafka",
        "app.cli.runs.commands",
        "app.cli.tasks.commands",
        "app.cli.runs.logs",
    ],
)
def test_the_client_needs_none_of_the_packages_of_a_worker(module: str) -> None:
    absent = ("faust", "aiohttp", "fastapi", "jinja2", "numpy", "onnxruntime", "openai", "prometheus_client")
    code = (
        f"import sys; sys.path[:0] = {sys.path!r}\nimport {module}\n"
        f"sys.exit(','.join(name for name in {absent!r} if name in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603  # our own code
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["ask", "hi"],
        ["results", "tail"],
        ["documents", "delete", "x"],
        ["dead-letters", "list"],
        ["topics", "list"],
        ["spend"],
        ["orchestrator", "status"],
    ],
)
def test_without_an_orchestrator_one_line_says_what_to_do(arguments: list[str]) -> None:
    result = _run(*arguments)
    assert result.exit_code == 1
    assert result.stderr == (
        "meta-ai: no orchestrator is running here; start one with: meta-ai orchestrator run, "
        "or name a broker with --bootstrap-servers\n"
    )


def test_a_broker_that_does_not_answer_is_one_line() -> None:
    result = _run("topics", "list", "--bootstrap-servers", "127.0.0.1:1")
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert "127.0.0.1:1" in result.stderr


def test_debugging_shows_the_error_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("META_AI_DEBUG", "1")
    assert isinstance(_run("ask", "hi").exception, BrokerError)


@pytest.mark.parametrize(
    "arguments",
    [["asc"], ["ask"], ["dead-letters", "replay"], ["dead-letters", "replay", "x", "--all"], ["tasks", "send"]],
)
def test_wrong_usage_is_2(arguments: list[str]) -> None:
    assert _run(*arguments).exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["asc"], "no such command 'asc'. Did you mean 'ask'? see meta-ai --help"),
        (["--fast"], "no such option: --fast; see meta-ai --help"),
        (
            ["deploy"],
            "no such command 'deploy'. Did you mean 'orchestrator deploy' or 'workflows deploy'? see meta-ai --help",
        ),
        (["nonsense"], "no such command 'nonsense'; see meta-ai --help"),
        (["--verison"], "no such option: --verison. Did you mean '--version'? see meta-ai --help"),
        (["runs", "list", "--stauts", "x"], "no such option: --stauts. Did you mean '--status'? see meta-ai runs list"),
        (["tasks", "sned"], "no such command 'sned'. Did you mean 'send'? see meta-ai tasks --help"),
        (["tasks", "send"], "missing argument 'file'; see meta-ai tasks send --help"),
        (["tasks", "send", "x", "--timeout", "soon"], "invalid value for '--timeout'"),
        (
            ["orchestrator", "run", "--broker", "none"],
            "invalid value for '--broker': 'none' is not one of 'embedded', ",
        ),
        (
            ["runs", "list", "--status", "succeded"],
            (
                "invalid value for '--status': 'succeded' is not one of 'running', 'succeeded', 'failed', 'cancelled'. "
                "Did you mean 'succeeded'? see meta-ai runs list"
            ),
        ),
        (
            ["results", "tail", "--limit", "x"],
            "invalid value for '--limit': must be a whole number; see meta-ai results",
        ),
        (
            ["results", "tail", "--limit", "0"],
            "invalid value for '--limit': must be greater than or equal to 1; see meta-",
        ),
        (
            ["dead-letters", "replay"],
            "invalid value: give either ids or --all, not both, or options that choose, such as --reason; see meta-ai ",
        ),
        (["tasks", "send", "x", "--stream"], "invalid value for --stream: --stream needs --wait"),
    ],
)
def test_wrong_usage_is_one_line_that_says_where_to_look(arguments: list[str], said: str) -> None:
    found = _run(*arguments)
    assert (found.exit_code, found.stdout, len(found.stderr.splitlines())) == (2, "", 1)
    assert found.stderr.startswith(f"meta-ai: {said}")
    assert found.stderr.endswith(" --help\n")


@pytest.mark.parametrize("path", [[], ["runs"], ["runs", "list"], ["orchestrator", "config", "check"], ["spend"]])
def test_help_has_a_short_name_and_is_not_wrapped_in_a_pipe(path: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    short, long = _run(*path, "-h"), _run(*path, "--help")
    assert (short.exit_code, short.stdout) == (0, long.stdout)
    assert "│" not in short.stdout
    assert "  -h, --help  " in short.stdout
    assert [line for line in short.stdout.splitlines() if line != line.rstrip()] == []


@pytest.mark.parametrize("path", [[], ["runs"], ["orchestrator"], ["documents"]])
def test_help_on_a_narrow_terminal_has_the_same_words(path: list[str]) -> None:
    whole = _run(*path, "-h").stdout
    narrow = CliRunner().invoke(build(), [*path, "-h"], prog_name="meta-ai", terminal_width=50).stdout
    assert max(map(len, narrow.splitlines())) <= 50 < max(map(len, whole.splitlines()))
    assert narrow.split() == whole.split()


def test_the_version_is_that_of_the_package() -> None:
    assert _run("--version").stdout == f"meta-ai {version('meta-ai-orchestrator')}\n"


def test_without_anything_the_help_is_shown() -> None:
    found = _run()
    assert (found.exit_code, "see meta-ai" in found.output) == (2, False)
    assert all(name in found.output for name in COMMANDS)


def test_a_misspelt_command_is_guessed() -> None:
    assert "'ask'" in _run("asc").stderr


def test_init_writes_a_configuration_that_is_good_and_overwrites_none() -> None:
    assert _run("orchestrator", "init").exit_code == 0
    assert _run("orchestrator", "config", "check").exit_code == 0
    again = _run("orchestrator", "init")
    assert (again.exit_code, "--force" in again.stderr) == (1, True)
    Path("meta-ai.yaml").write_text("appid: x\n", encoding="utf-8")
    assert "meta-ai.yaml:1" in _run("orchestrator", "config", "check").stderr
    assert _run("orchestrator", "init", "--force").exit_code == 0
    assert _run("orchestrator", "config", "check").exit_code == 0


def test_a_check_of_the_configuration_includes_its_workflows() -> None:
    Path("meta-ai.yaml").write_text("workflows: [flows]\n", encoding="utf-8")
    assert "flows: cannot be read" in _run("orchestrator", "config", "check").stderr
    Path("flows").mkdir()
    flow = Path("flows/w.yaml")
    flow.write_text("id: w\nsteps: {call: {kind: workflow, workflow: elsewhere}}\n", encoding="utf-8")
    found = _run("orchestrator", "config", "check")
    assert (found.exit_code, found.stdout) == (
        0,
        "the configuration is valid: broker embedded, models local, workflows w\n",
    )
    assert found.stderr.startswith("warning: flows/w.yaml:2: steps.call.workflow: no workflow here is called elsewhere")
    flow.write_text("id: w\nsteps: {}\n", encoding="utf-8")
    found = _run("orchestrator", "config", "check")
    assert (found.exit_code, found.stderr) == (1, "meta-ai: flows/w.yaml:2: steps: must have at least one entry\n")


def test_a_check_of_the_configuration_includes_its_parts() -> None:
    Path("meta-ai.yaml").write_text(
        "models: {a: {provider: scripted, options: {defualt: x}}}\nask: {models: [a]}\n", encoding="utf-8"
    )
    found = _run("orchestrator", "config", "check")
    assert (found.exit_code, found.stdout) == (1, "")
    assert found.stderr.startswith("meta-ai: models.a.options.defualt: unknown key; did you mean `default`?")


def test_a_question_says_for_whom_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stub:
        async def answer(self, task: Task, timeout: float) -> None:
            raise BrokerError(f"asked for {task.tenant} within {timeout}")

    monkeypatch.setattr("app.cli.tasks.ask.with_orchestrator", lambda _, __, work: asyncio.run(work(Stub())))
    assert "asked for acme" in _run("ask", "hi", "--tenant", "acme", "-b", "127.0.0.1:1").stderr


@pytest.mark.parametrize("arguments", [["hi", "--tenant", "x" * 101], ["hi", "--tenant", "a\nb"], ["\udcff"]])
def test_what_no_task_can_hold_is_wrong_usage(arguments: list[str]) -> None:
    found = _run("ask", *arguments)
    assert (found.exit_code, "Traceback" in found.output) == (2, False)


def test_the_schema_is_json() -> None:
    assert json.loads(_run("orchestrator", "config", "schema").stdout)["type"] == "object"


def test_a_worker_refuses_an_embedded_broker() -> None:
    result = _run("orchestrator", "worker")
    assert result.exit_code == 1
    assert "a worker needs a running broker" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--broker", "cluster"], "needs --bootstrap-servers"),
        (["--broker", "kafka", "--bootstrap-servers", "x:1"], "use one of them"),
    ],
)
def test_a_broker_that_makes_no_sense_is_refused(arguments: list[str], reason: str) -> None:
    result = _run("orchestrator", "run", *arguments)
    assert (result.exit_code, reason in result.stderr) == (1, True)


def test_asyncapi_goes_to_a_file() -> None:
    assert _run("topics", "asyncapi", "--out", "a.json").exit_code == 0
    assert json.loads(Path("a.json").read_text())["asyncapi"] == "3.0.0"


def test_a_file_of_tasks_that_is_absent_is_one_line() -> None:
    result = _run("tasks", "send", "absent.jsonl", "--bootstrap-servers", "127.0.0.1:1")
    assert (result.exit_code, result.stderr) == (1, "meta-ai: absent.jsonl cannot be read: No such file or directory\n")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--docs", "absent"), "--docs absent: there is no such file or folder"),
        (("--questions", "absent"), "--questions absent: there is no such file or folder"),
        (("--questions", "."), "--questions .: Is a directory"),
        (("--questions", "empty"), '--questions empty: no question in it; a line is {"question": "…"}'),
        (
            ("--docs", ".", "--questions", "q.jsonl"),
            f"--docs .: no documents in it; they end in {ENDINGS}",
        ),
    ],
)
def test_the_demo_blames_what_is_wrong_in_one_line(arguments: tuple[str, ...], line: str) -> None:
    Path("empty").touch()
    Path("q.jsonl").write_text('{"question": "why?"}', encoding="utf-8")
    result = _run("demo", *arguments)
    assert (result.exit_code, result.stderr) == (1, f"meta-ai: {line}\n")
