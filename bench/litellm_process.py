"""LiteLLM, measured from bench.models in an environment of its own: `litellm_process.py ROOT CALLS`.

It says `ready`; at each line on standard input it makes CALLS calls to the provider at ROOT, whole or streamed as the
line says, and says `took` with the milliseconds of processor time that each of them took.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # otherwise it would be downloaded

import litellm  # type: ignore[import-not-found]  # it lives in the peer's environment

_MESSAGES = [{"role": "user", "content": "What does every good answer have?"}]


async def ask(root: str, *, stream: bool) -> str:
    """Return one answer."""
    found = await litellm.acompletion(
        model="openai/m",
        api_base=f"{root}/v1",
        api_key="bench-key",
        messages=_MESSAGES,
        stream=stream,
        num_retries=0,
        timeout=60,
    )
    if not stream:
        return str(found.choices[0].message.content)
    return "".join([chunk.choices[0].delta.content or "" async for chunk in found if chunk.choices])


async def measure(root: str, calls: int, *, stream: bool) -> list[float]:
    """Return the time of each call."""
    took = []
    for _ in range(calls):
        before = time.process_time()
        if not (await ask(root, stream=stream)).endswith("an end."):
            raise RuntimeError("the answer is wrong")
        took.append((time.process_time() - before) * 1000)
    return took


async def main(root: str, calls: int) -> None:
    """Measure on each request, until the end of input."""
    for stream in (False, True):
        await measure(root, 10, stream=stream)
    print("ready", flush=True)
    while line := (await asyncio.to_thread(sys.stdin.readline)).strip():
        print("took", json.dumps(await measure(root, calls, stream=line == "stream")), flush=True)


if __name__ == "__main__":
    try:
        import uvloop  # type: ignore[import-not-found,unused-ignore]  # so do we, where it is installed
    except ImportError:
        asyncio.run(main(sys.argv[1], int(sys.argv[2])))
    else:
        uvloop.run(main(sys.argv[1], int(sys.argv[2])))
