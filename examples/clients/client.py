"""Send tasks and read results with aiokafka.

Usage:
python client.py send SERVERS < tasks.jsonl
python client.py results SERVERS [COUNT]
"""

from __future__ import annotations

import asyncio
import json
import sys

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer


async def send(servers: str) -> None:
    """Send each line of standard input; the key is the task's id."""
    async with AIOKafkaProducer(bootstrap_servers=servers, acks="all") as producer:
        for line in sys.stdin:
            key = json.loads(line)["id"].encode()
            await producer.send_and_wait("tasks", line.encode(), key=key)


async def results(servers: str, count: float) -> None:
    """Print each task's result once; a result is committed after it was handled, so none is lost."""
    seen: set[str] = set()  # in a real system: a table with task_id as its primary key
    consumer = AIOKafkaConsumer(
        "results",
        bootstrap_servers=servers,
        group_id="example-python",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    async with consumer:
        while len(seen) < count:
            message = await consumer.getone()
            result = json.loads(message.value)
            if result["task_id"] not in seen:
                seen.add(result["task_id"])
                handle(result)
            await consumer.commit()


def handle(result: dict) -> None:
    """Do what your system does with a result."""
    if result["status"] == "succeeded":
        note = " (degraded)" if result["degraded"] else ""
        print(f"{result['task_id']} succeeded{note}: {result['answer']}")
    else:
        print(f"{result['task_id']} {result['status']}: {result['error']['code']}: {result['error']['message']}")


match sys.argv[1:]:
    case ["send", servers]:
        asyncio.run(send(servers))
    case ["results", servers, *count]:
        asyncio.run(results(servers, int(count[0]) if count else float("inf")))
    case _:
        sys.exit(__doc__)
