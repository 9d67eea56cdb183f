from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.brokers import data_dir
from app.brokers.data_dir import DataDir
from app.errors import BrokerError


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_dir, "_PATIENCE_SECONDS", 0.2)


async def test_a_second_owner_learns_who_the_first_is(tmp_path: Path) -> None:
    first, second = DataDir(tmp_path), DataDir(tmp_path)
    await first.lock()
    with pytest.raises(BrokerError, match=rf"process {os.getpid()} started; .*broker\.data_dir"):
        await second.lock()
    first.unlock()
    await second.lock()
    second.unlock()


async def test_the_lock_lasts_while_a_broker_that_inherited_it_lives(tmp_path: Path) -> None:
    first, second = DataDir(tmp_path), DataDir(tmp_path)
    await first.lock()
    inherited = os.dup(first.lock_file)
    first.unlock()
    with pytest.raises(BrokerError):
        await second.lock()
    os.close(inherited)
    await second.lock()
    second.unlock()


async def test_a_place_that_is_not_a_directory_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(BrokerError, match=r"cannot use .*file for Kafka's data"):
        await DataDir(file).lock()
