"""A stand-in for an index of Pinecone over HTTP: it keeps what it is given, and filters and ranks exactly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from aiohttp import web

Record = dict[str, Any]
_PAGE = 100


@asynccontextmanager
async def pinecone() -> AsyncIterator[str]:
    """Yield the URL of an empty index."""
    index = _Index()
    runner = web.AppRunner(index.application())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


class _Index:
    def __init__(self) -> None:
        self._spaces: defaultdict[str, dict[str, Record]] = defaultdict(dict)

    def application(self) -> web.Application:
        app = web.Application(client_max_size=2 * 1024 * 1024)  # as Pinecone allows
        app.add_routes(
            [
                web.post("/vectors/upsert", self._upsert),
                web.post("/vectors/delete", self._delete),
                web.get("/vectors/fetch", self._fetch),
                web.get("/vectors/list", self._list),
                web.post("/query", self._query),
                web.post("/describe_index_stats", self._stats),
                web.get("/namespaces", self._namespaces),
                web.delete("/namespaces/{name}", self._drop),
            ]
        )
        return app

    async def _upsert(self, request: web.Request) -> web.Response:
        body = await request.json()
        for record in body["vectors"]:
            if len(str(record.get("metadata", {})).encode()) > 40 * 1024:
                return _refusal("metadata exceeds the limit of 40960 bytes per vector")
            for value in record.get("metadata", {}).values():
                _check(value)
            self._spaces[body.get("namespace", "")][record["id"]] = record
        return web.json_response({"upsertedCount": len(body["vectors"])})

    async def _delete(self, request: web.Request) -> web.Response:
        body = await request.json()
        name = body.get("namespace", "")
        if name not in self._spaces:
            return _refusal("Namespace not found", 404)
        space = self._spaces[name]
        by = body.get("filter")
        gone = [key for key, one in space.items() if holds(by, one["metadata"])] if by else body.get("ids", ())
        for key in gone:
            space.pop(key, None)
        return web.json_response({})

    async def _fetch(self, request: web.Request) -> web.Response:
        space = self._space(request)
        found = {key: space[key] for key in request.query.getall("ids") if key in space}
        return web.json_response({"vectors": found, "namespace": request.query.get("namespace", "")})

    async def _list(self, request: web.Request) -> web.Response:
        ids = sorted(self._space(request))
        start = int(request.query.get("paginationToken", 0))
        stop = start + int(request.query.get("limit", _PAGE))
        body: dict[str, Any] = {"vectors": [{"id": key} for key in ids[start:stop]]}
        if stop < len(ids):
            body["pagination"] = {"next": str(stop)}
        return web.json_response(body)

    async def _query(self, request: web.Request) -> web.Response:
        body = await request.json()
        asked = np.asarray(body["vector"])
        scored = [
            {"id": one["id"], "score": float(asked @ np.asarray(one["values"])), "metadata": one["metadata"]}
            for one in self._spaces.get(body.get("namespace", ""), {}).values()
            if holds(body.get("filter"), one["metadata"])
        ]
        scored.sort(key=lambda one: -one["score"])
        return web.json_response({"matches": scored[: body["topK"]], "namespace": body.get("namespace", "")})

    async def _stats(self, _request: web.Request) -> web.Response:
        spaces = {name: {"vectorCount": len(space)} for name, space in self._spaces.items() if space}
        total = sum(one["vectorCount"] for one in spaces.values())
        body = {"namespaces": spaces, "dimension": 0, "indexFullness": 0, "totalVectorCount": total}
        return web.json_response(body)

    async def _namespaces(self, request: web.Request) -> web.Response:
        prefix = request.query.get("prefix", "")
        names = sorted(name for name in self._spaces if name.startswith(prefix))
        return web.json_response({"namespaces": [{"name": name, "record_count": "0"} for name in names]})

    async def _drop(self, request: web.Request) -> web.Response:
        self._spaces.pop(request.match_info["name"], None)
        return web.json_response({})

    def _space(self, request: web.Request) -> Mapping[str, Record]:
        return self._spaces.get(request.query.get("namespace", ""), {})


def holds(wanted: Mapping[str, Any] | None, metadata: Mapping[str, Any]) -> bool:
    """Return whether a filter holds, as Pinecone documents its operators."""
    for name, condition in (wanted or {}).items():
        if name == "$and":
            kept = all(holds(part, metadata) for part in condition)
        elif name == "$or":
            kept = any(holds(part, metadata) for part in condition)
        else:
            kept = name in metadata and all(_compare(op, metadata[name], one) for op, one in condition.items())
        if not kept:
            return False
    return True


def _compare(operator: str, value: Any, other: Any) -> bool:
    values = value if isinstance(value, list) else [value]
    match operator:
        case "$eq":
            return other in values
        case "$ne":
            return other not in values
        case "$in":
            return any(one in other for one in values)
        case "$nin":
            return not any(one in other for one in values)
        case "$gte":
            return bool(value >= other)
        case "$lte":
            return bool(value <= other)
    raise ValueError(operator)


def _check(value: Any) -> None:
    """Take what metadata may be: texts, numbers, booleans, and lists of texts that are not empty."""
    if isinstance(value, list):
        assert value
        assert all(isinstance(one, str) for one in value)
    else:
        assert isinstance(value, str | int | float | bool)


def _refusal(message: str, status: int = 400) -> web.Response:
    return web.json_response({"code": 3, "message": message, "details": []}, status=status)
