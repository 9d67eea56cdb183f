from __future__ import annotations

import asyncio

import pytest

from app.cancellation import Interrupted, as_failure, ends_task


async def _caught(error: BaseException) -> tuple[BaseException, bool]:
    try:
        raise error  # noqa: TRY301  # where it comes from does not matter
    except BaseException as caught:  # noqa: BLE001  # that is what is tested
        return caught, ends_task(caught)


@pytest.mark.parametrize("error", [asyncio.CancelledError(), SystemExit(1), RuntimeError("a fault")])
async def test_that_what_nobody_asked_for_is_a_failure(error: BaseException) -> None:
    assert await _caught(error) == (error, False)
    assert isinstance(as_failure(error), RuntimeError | Interrupted)


async def test_that_a_time_out_around_it_is_asked_for() -> None:
    ends: list[bool] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as error:
            ends.append(ends_task(error))
            raise

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await work()
    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert ends == [True, True]
    assert ends_task(KeyboardInterrupt())
