"""A command as somebody at a terminal sees it: on a pseudo-terminal of so many columns."""

from __future__ import annotations

import os
import pty
import re
import subprocess
from contextlib import suppress
from fcntl import ioctl
from struct import pack
from termios import TIOCSWINSZ

from tests.e2e.commands import COMMAND, PATIENCE, Cli, environment

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def on_terminal(cli: Cli, *arguments: str, columns: int, exit_code: int = 0, **environ: str) -> str:
    """Return what a command writes to a terminal, colours included."""
    master, slave = pty.openpty()
    ioctl(slave, TIOCSWINSZ, pack("HHHH", 24, columns, 0, 0))
    unset = {"COLUMNS", "NO_COLOR", "FORCE_COLOR"}
    known = {name: value for name, value in environment().items() if name not in unset}
    process = subprocess.Popen(  # noqa: S603  # our own command
        [*COMMAND, *arguments],
        cwd=cli.folder,
        env={**known, "TERM": "xterm-256color", **environ},
        stdin=subprocess.DEVNULL,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    written = b""
    with suppress(OSError):  # how Linux says that nobody writes any more
        while block := os.read(master, 65536):
            written += block
    os.close(master)
    assert process.wait(PATIENCE) == exit_code, written.decode()
    return written.decode().replace("\r\n", "\n")


def without_colour(text: str) -> str:
    """Return the text alone."""
    return _COLOUR.sub("", text)
