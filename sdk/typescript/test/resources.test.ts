import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import * as sdk from "meta-ai-orchestrator-sdk";
import { busy, problem, type Reply, StandIn } from "./standIn.js";

const server = await StandIn.start();
const page: Reply = { body: { data: [{ id: "a" }], total: { cost: 1 }, queues: [] } };
const place = { topic: "tasks", partition: 1, offset: 7 };

// A call, and the request that it is to make.
const calls: [(client: sdk.Client) => PromiseLike<unknown>, string, unknown?][] = [
  [(client) => client.tasks.list(), "GET /v1/tasks"],
  [(client) => client.tasks.create({ input: {} }), "POST /v1/tasks", { input: {} }],
  [(client) => client.tasks.get("t"), "GET /v1/tasks/t"],
  [(client) => client.tasks.cancel("t"), "POST /v1/tasks/t/cancel", {}],
  [(client) => client.tasks.approve("t", { reason: "a" }), "POST /v1/tasks/t/approve", { reason: "a" }],
  [(client) => client.tasks.reject("t"), "POST /v1/tasks/t/reject", {}],
  [(client) => client.tasks.signal("t", "s"), "POST /v1/tasks/t/signals/s", {}],
  [(client) => client.results.get("t"), "GET /v1/results/t"],
  [(client) => client.runs.list({ status: "failed", children: false }), "GET /v1/runs?status=failed&children=false"],
  [(client) => client.runs.get("t-1"), "GET /v1/runs/t-1"],
  [(client) => client.workflows.list(), "GET /v1/workflows"],
  [(client) => client.workflows.get("a b"), "GET /v1/workflows/a%20b"],
  [(client) => client.workflows.versions("w", { limit: 2 }), "GET /v1/workflows/w/versions?limit=2"],
  [(client) => client.workflows.version("w", 2), "GET /v1/workflows/w/versions/2"],
  [(client) => client.workflows.validate({ id: "w" }), "POST /v1/workflows/validate", { id: "w" }],
  [(client) => client.workflows.diff("id: w\n"), "POST /v1/workflows/diff", "id: w\n"],
  [(client) => client.workflows.deploy({ id: "w" }, { dry_run: true }), "POST /v1/workflows?dry_run=true", { id: "w" }],
  [
    (client) => client.workflows.rollback("w", { to: 2, dry_run: true }),
    "POST /v1/workflows/w/rollback?dry_run=true",
    { to: 2 },
  ],
  [(client) => client.documents.add({ id: "a/b", text: "x" }), "POST /v1/documents", { id: "a/b", text: "x" }],
  [
    (client) => client.documents.addMany([{ id: "a", text: "x" }]),
    "POST /v1/documents/batch",
    { documents: [{ id: "a", text: "x" }] },
  ],
  [(client) => client.documents.list({ match: "docs/*" }), "GET /v1/documents?match=docs%2F*"],
  [(client) => client.documents.get("a/b"), "GET /v1/documents/a%2Fb"],
  [(client) => client.documents.delete("a/b", { collection: "c" }), "DELETE /v1/documents/a%2Fb?collection=c"],
  [(client) => client.sources.list(), "GET /v1/sources"],
  [(client) => client.sources.state("kb"), "GET /v1/sources/kb/sync"],
  [(client) => client.sources.sync("kb", { full: true }), "POST /v1/sources/kb/sync", { full: true }],
  [(client) => client.models.list(), "GET /v1/models"],
  [(client) => client.models.get("small|large"), "GET /v1/models/small%7Clarge"],
  [(client) => client.adapters.list(), "GET /v1/adapters"],
  [(client) => client.adapters.get("openai"), "GET /v1/adapters/openai"],
  [(client) => client.connectors.list(), "GET /v1/connectors"],
  [(client) => client.config.get(), "GET /v1/config"],
  [(client) => client.spend.list({ by: "tenant", window: "7d" }), "GET /v1/spend?by=tenant&window=7d"],
  [(client) => client.budgets.list({ name: "b" }), "GET /v1/budgets?name=b"],
  [(client) => client.prices.list({ all: true }), "GET /v1/prices?all=true"],
  [
    (client) => client.feedback.create({ task_id: "t", thumb: "up" }),
    "POST /v1/feedback",
    { task_id: "t", thumb: "up" },
  ],
  [(client) => client.feedback.list({ thumb: "down" }), "GET /v1/feedback?thumb=down"],
  [(client) => client.feedback.listForTask("t"), "GET /v1/tasks/t/feedback"],
  [(client) => client.deadLetters.list({ key: ["a", "b"] }), "GET /v1/dead-letters?key=a&key=b"],
  [(client) => client.deadLetters.get(place), "GET /v1/dead-letters/tasks/1/7"],
  [
    (client) => client.deadLetters.replay(place, { value: {} }),
    "POST /v1/dead-letters/tasks/1/7/replay",
    { value: {} },
  ],
  [(client) => client.metrics.query({ by: "model" }), "GET /v1/metrics/query?by=model"],
  [(client) => client.audit.list({ action: "workflow" }), "GET /v1/audit?action=workflow"],
  [
    (client) => client.keys.create({ owner: "ann", roles: ["viewer"] }),
    "POST /v1/keys",
    { owner: "ann", roles: ["viewer"] },
  ],
  [(client) => client.keys.list(), "GET /v1/keys"],
  [(client) => client.keys.get("k"), "GET /v1/keys/k"],
  [(client) => client.keys.rotate("k", { overlap: 60 }), "POST /v1/keys/k/rotate", { overlap: 60 }],
  [(client) => client.keys.revoke("k"), "POST /v1/keys/k/revoke", {}],
  [(client) => client.health(), "GET /v1/health"],
];

test("each method makes its request", async () => {
  const client = server.client(calls.map(() => page));
  for (const [call, request, body] of calls) {
    await call(client);
    const { method, path, text, headers } = server.asked.at(-1)!;
    assert.equal(`${method} ${path}`, request);
    assert.equal(text, body === undefined ? "" : typeof body === "string" ? body : JSON.stringify(body));
    if (body !== undefined)
      assert.equal(headers["content-type"], typeof body === "string" ? "application/yaml" : "application/json");
  }
});

test("there is a method for every request of the gateway's own API", async () => {
  const { paths } = JSON.parse(await readFile("../../tests/contracts/openapi-v1.json", "utf8")) as { paths: object };
  const others = /^\/v1\/(batches|chat|embeddings|files|messages|responses)(\/|$)/;
  const elsewhere = ["POST /v1/tasks/batch", "GET /v1/tasks/{task_id}/events"];
  const all = Object.entries(paths).flatMap(([path, methods]) =>
    others.test(path) ? [] : Object.keys(methods as object).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const made = calls.map(([, request]) => request.replace(/\?.*/, ""));
  const missing = all.filter((one) => {
    const pattern = new RegExp(`^${one.replace(/\{\w+\}/g, "[^/]+")}$`);
    return !elsewhere.includes(one) && !made.some((request) => pattern.test(request));
  });
  assert.deepEqual(missing, []);
});

test("what a page has besides its items is there", async () => {
  assert.equal((await server.client([page]).spend.list()).total.cost, 1);
  assert.deepEqual((await server.client([page]).metrics.query()).queues, []);
});

test("what must not be done twice is tried again only where nothing was done", async () => {
  const once: ((client: sdk.Client) => PromiseLike<unknown>)[] = [
    (client) => client.keys.create({ owner: "ann", roles: ["viewer"] }),
    (client) => client.keys.rotate("k"),
    (client) => client.deadLetters.replay(place),
    (client) => client.workflows.rollback("w"),
  ];
  for (const call of once) {
    for (const reply of [busy(500), { then: "cut" } as Reply]) {
      await assert.rejects(Promise.resolve(call(server.client([reply, page]))), sdk.MetaAIError);
      assert.equal(server.asked.length, 1);
    }
    await call(server.client([problem(429, "rate_limited", { "retry-after": "0" }), page]));
  }
  await server.client([busy(), page]).workflows.rollback("w", { to: 1 });
  await server.client([busy(), page]).feedback.create({ task_id: "t", score: 1 }, { idempotencyKey: "k" });
  assert.deepEqual(
    server.asked.map((one) => one.headers["idempotency-key"]),
    ["k", "k"],
  );
});
