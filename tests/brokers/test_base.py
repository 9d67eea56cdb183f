from __future__ import annotations

import pytest

from app.brokers.base import Connection


def test_the_password_is_not_in_the_repr() -> None:
    connection = Connection("kafka:9092", {"sasl_plain_password": "planted"})
    assert "planted" not in repr(connection)
    assert "kafka:9092" in repr(connection)


def test_a_connection_does_not_change() -> None:
    with pytest.raises(AttributeError):
        Connection("kafka:9092").durable = False  # type: ignore[misc]
