from __future__ import annotations

from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from app.partitioner import partition_of


@given(st.text(min_size=1), st.integers(1, 100))
def test_it_is_where_a_producer_puts_the_key(key: str, partitions: int) -> None:
    every = list(range(partitions))
    assert partition_of(key, partitions) == DefaultPartitioner()(key.encode(), every, every)
