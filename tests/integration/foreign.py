"""A producer that writes what Kafka takes and aiokafka's own producer refuses to write."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import for_code
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

_CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
# The checksum of a batch (format v2), and where that begins which it covers.
_CRC_AT, _COVERED_FROM = 17, 21


def batch(
    key: bytes | None,
    value: bytes | None,
    headers: Sequence[tuple[str, bytes | None]],
    *,
    swap: tuple[bytes, bytes] | None = None,
    codec: str = "none",
) -> bytes:
    """Return a batch of one record in which the bytes `swap[0]` are replaced by `swap[1]`, of the same length."""
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=_CODECS.index(codec),
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=1 << 24,
    )
    builder.append(offset=0, timestamp=None, key=key, value=value, headers=list(headers))
    data = bytearray(bytes(builder.build()))
    if swap:
        data = data.replace(*swap)
    struct.pack_into(">I", data, _CRC_AT, calc_crc32c(bytes(data[_COVERED_FROM:])))
    return bytes(data)


async def produce(servers: str, tp: TopicPartition, data: bytes) -> int:
    """Put a batch into a partition, and return the offset of its first record."""
    client = AIOKafkaClient(bootstrap_servers=servers)
    await client.bootstrap()
    try:
        await client._wait_on_metadata(tp.topic)  # the way of aiokafka's own producer
        request = ProduceRequest(
            transactional_id=None, required_acks=-1, timeout=10_000, topics=[(tp.topic, [(tp.partition, data)])]
        )
        response: Any = await client.send(client.cluster.leader_for_partition(tp), request)
    finally:
        await client.close()
    _partition, code, offset, *_rest = response.topics[0][1][0]
    assert code == 0, for_code(code)
    return int(offset)
