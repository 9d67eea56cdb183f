"""What every adapter promises, and what is this one's own."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import Process
from typing import Any

import pytest
from meta_ai_command import Command

from meta_ai_orchestrator.adapters import ConfigurationError, Message, ModelSettings, Prompt, Unavailable
from meta_ai_orchestrator.testing import failures, probe_model

ECHO = "import sys; sys.stdout.write(sys.stdin.read())"


def build(program: str) -> Command:
    options = {"command": [sys.executable, "-c", program]}
    return Command.from_settings("m", ModelSettings(provider="command", options=options))


def ask(model: Command, text: str) -> str:
    prompt = Prompt((Message(role="user", content=text),))
    return asyncio.run(model.complete(prompt, timeout=30)).text


def test_it_keeps_what_every_adapter_promises() -> None:
    assert failures(probe_model(build(ECHO), timeout=30)) == []


def test_the_program_reads_the_question_and_writes_the_answer() -> None:
    assert ask(build("print(input().upper(), end='')"), "grüß dich") == "GRÜSS DICH"


def test_a_program_that_fails_is_an_error() -> None:
    with pytest.raises(Unavailable, match="ended with 3"):
        ask(build("raise SystemExit(3)"), "hello")


def test_a_program_that_ends_before_it_has_read_is_the_same_error(monkeypatch: pytest.MonkeyPatch) -> None:
    uvloop, start = pytest.importorskip("uvloop"), asyncio.create_subprocess_exec

    async def ended(*command: str, **streams: Any) -> Process:
        process = await start(*command, **streams)
        await process.wait()
        return process

    monkeypatch.setattr("meta_ai_command.asyncio.create_subprocess_exec", ended)
    prompt = Prompt((Message(role="user", content="hello"),))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, pytest.raises(Unavailable, match="ended with 3"):
        runner.run(build("raise SystemExit(3)").complete(prompt, timeout=30))


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"models\.m\.options\.command: there is no program nosuch"):
        Command.from_settings("m", ModelSettings(provider="command", options={"command": ["nosuch"]}))
