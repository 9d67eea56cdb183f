"""Telling a cancellation that was asked for from one that comes out of somebody's code."""

from __future__ import annotations

import asyncio


class Interrupted(Exception):
    """A component raised what ends tasks or programs, though nobody had asked for that."""


def ends_task(error: BaseException) -> bool:
    """Whether `error` is to end the current task: it was told to stop, or the whole process is.

    A CancelledError that nobody asked for comes from inside, as from a task of a library that was cancelled, and is a
    failure like any other; so is SystemExit, with which a function of a user's would end everybody's work.
    """
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is None or task.cancelling() > 0
    return isinstance(error, KeyboardInterrupt | GeneratorExit)


def as_failure(error: BaseException) -> Exception:
    """Return an error that does not end the task as what it is: a failure of whoever raised it."""
    if isinstance(error, Exception):
        return error
    failure = Interrupted(type(error).__name__)
    failure.__cause__ = error
    return failure
