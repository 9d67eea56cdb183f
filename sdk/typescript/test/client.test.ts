import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import * as sdk from "meta-ai-orchestrator-sdk";
import { Client } from "meta-ai-orchestrator-sdk";
import { accepted, busy, problem, result, type Reply, StandIn } from "./standIn.js";

const server = await StandIn.start();

test("runWorkflow sends a task, waits, and returns the typed result", async () => {
  const client = server.client([result({ answer: { reply: "Done.", urgent: false } })], { apiKey: "mao_1" });
  const { answer, task_id } = await client.runWorkflow<{ reply: string; urgent: boolean }>("ticket-resolution", {
    subject: "Printer",
    body: "It burns.",
  });
  assert.equal(answer.reply, "Done.");
  assert.equal(task_id, "t-1");
  const { method, path, headers } = server.asked[0]!;
  assert.deepEqual([method, path], ["POST", "/v1/tasks"]);
  assert.equal(headers.authorization, "Bearer mao_1");
  assert.equal(headers.prefer, "wait=30");
  assert.match(headers["user-agent"]!, /^meta-ai-orchestrator-sdk\/\d/);
  assert.match(String(headers["idempotency-key"]), /^[\w-]{36}$/);
  assert.deepEqual(server.json, [{ workflow: "ticket-resolution", input: { subject: "Printer", body: "It burns." } }]);
});

test("runWorkflow goes on waiting after an answer without a result", async () => {
  const client = server.client([accepted, problem(404, "unknown_task"), accepted, result()]);
  const { answer } = await client.runWorkflow("ask", {}, { priority: 3, metadata: { team: "a" }, idempotencyKey: "k" });
  assert.equal(answer, "because");
  assert.deepEqual(server.json[0], { workflow: "ask", input: {}, priority: 3, metadata: { team: "a" } });
  assert.equal(server.asked[0]!.headers["idempotency-key"], "k");
  assert.deepEqual(
    server.asked.slice(1).map((one) => [one.path, one.headers.prefer]),
    Array(3).fill(["/v1/results/t-1", "wait=30"]),
  );
});

test("a task that fails or is cancelled is an error with the result", async () => {
  const error = { code: "no_model", message: "no model can do this" };
  await assert.rejects(server.client([result({ status: "failed", error })]).runWorkflow("ask", {}), (thrown) => {
    assert(thrown instanceof sdk.TaskFailedError && !(thrown instanceof sdk.TaskCancelledError));
    assert.deepEqual([thrown.code, thrown.taskId, thrown.result.status], ["no_model", "t-1", "failed"]);
    return true;
  });
  const cancelled = server.client([result({ status: "cancelled", error: { code: "cancelled", message: "by ann" } })]);
  await assert.rejects(cancelled.runWorkflow("ask", {}), sdk.TaskCancelledError);
});

test("maxWait ends the wait, not the task", async () => {
  const client = server.client(Array(9).fill(accepted));
  await assert.rejects(client.runWorkflow("ask", {}, { maxWait: 1100 }), { name: "WaitTimeoutError", taskId: "t-1" });
  assert.equal(server.asked[0]!.headers.prefer, "wait=2");
  assert(server.asked.every((one) => !one.path.includes("cancel")));
  await assert.rejects(server.client([accepted, accepted]).results.wait("t-1", { maxWait: 10 }), sdk.WaitTimeoutError);
  assert.equal(await server.client([accepted]).results.get("t-1"), null);
});

test("who goes away from a task that asks for it cancels it", async () => {
  const client = server.client([accepted, { then: "hang" }, accepted]);
  const stop = new AbortController();
  const running = client.runWorkflow("ask", {}, { on_disconnect: "cancel", signal: stop.signal });
  while (server.asked.length < 2) await new Promise(setImmediate);
  stop.abort();
  await assert.rejects(running, sdk.APIUserAbortError);
  assert.equal(server.asked[2]!.path, "/v1/tasks/t-1/cancel");
});

test("key and address come from the environment", async () => {
  server.client([{ body: { data: [] } }]);
  Object.assign(process.env, { META_AI_API_KEY: "mao_env", META_AI_BASE_URL: server.address });
  try {
    await new Client().tasks.list();
    assert.equal(server.asked[0]!.headers.authorization, "Bearer mao_env");
  } finally {
    delete process.env.META_AI_API_KEY;
    delete process.env.META_AI_BASE_URL;
  }
});

test("options can be changed, headers added, tokens renewed, and fetch replaced", async () => {
  let [tokens, calls] = [0, 0];
  const client = server.client([busy(), accepted, busy()], { apiKey: async () => `token-${++tokens}` });
  const counting: typeof fetch = (...given) => (calls++, fetch(...given));
  const other = client.withOptions({ headers: { "x-team": "a" }, fetch: counting });
  await other.tasks.get("t", { headers: { "x-more": "b" } });
  assert.equal(calls, 2);
  assert.deepEqual(
    server.asked.map((one) => one.headers.authorization),
    ["Bearer token-1", "Bearer token-2"],
  );
  assert.deepEqual([server.asked[1]!.headers["x-team"], server.asked[1]!.headers["x-more"]], ["a", "b"]);
  await assert.rejects(client.withOptions({ maxRetries: 0 }).tasks.get("t"), sdk.InternalServerError);
});

test("what fails is tried again twice, with one key", async () => {
  const client = server.client([busy(503), { then: "cut" }, accepted]);
  assert.equal((await client.tasks.create({ input: { question: "why?" } })).id, "t-1");
  assert.equal(server.asked.length, 3);
  assert.equal(new Set(server.asked.map((one) => one.headers["idempotency-key"])).size, 1);
  for (const status of [408, 429, 500, 502, 504]) {
    await server.client([busy(status), busy(status), accepted]).tasks.get("t-1");
    await assert.rejects(server.client([busy(status), busy(status), busy(status), accepted]).tasks.get("t-1"), {
      status,
    });
  }
});

test("an answer that is cut off is asked for again", async () => {
  const cut: Reply = { headers: { "content-length": "99" }, parts: ['{"id"'], then: "cut" };
  assert.equal((await server.client([cut, accepted]).tasks.get("t-1")).status, "accepted");
});

test("nobody is asked again sooner than they say", async () => {
  const soon = problem(429, "rate_limited", { "retry-after": "1" });
  await server.client([soon, accepted]).tasks.get("t-1");
  assert(server.asked[1]!.at - server.asked[0]!.at >= 990);
  const date = new Date(Date.now() + 3000_000).toUTCString();
  for (const [value, least] of [
    ["3600", 3600],
    [date, 2900],
  ] as const) {
    const late = server.client([problem(503, "overloaded", { "retry-after": value }), accepted]);
    await assert.rejects(late.tasks.get("t-1"), (thrown) => {
      assert(thrown instanceof sdk.InternalServerError);
      return thrown.retryAfter! >= least;
    });
    assert.equal(server.asked.length, 1);
  }
});

test("a refusal is an error of its kind, with the code, the fix and the request's id", async () => {
  const kinds = [
    [400, sdk.BadRequestError],
    [401, sdk.AuthenticationError],
    [403, sdk.PermissionDeniedError],
    [404, sdk.NotFoundError],
    [409, sdk.ConflictError],
    [422, sdk.UnprocessableEntityError],
    [418, sdk.APIError],
  ] as const;
  for (const [status, kind] of kinds) {
    await assert.rejects(server.client([problem(status, "c", { "retry-after": "0" })]).tasks.get("t-1"), (thrown) => {
      assert(thrown instanceof kind && thrown instanceof sdk.MetaAIError);
      assert.deepEqual([thrown.name, thrown.status, thrown.code], [kind.name, status, "c"]);
      assert.deepEqual([thrown.detail, thrown.requestId], ["do something about c", "r-1"]);
      return true;
    });
    assert.equal(server.asked.length, 1);
  }
  const places = [{ at: "body.input", message: "Field required" }];
  const invalid = {
    ...problem(422, "invalid_request"),
    body: { code: "invalid_request", detail: "d", errors: places },
  };
  await assert.rejects(server.client([invalid]).tasks.create({ input: {} }), { errors: places });
});

test("what something else than the gateway answers is an error that says so", async () => {
  const page = { headers: { "content-type": "text/html" }, body: "<html>" };
  await assert.rejects(server.client([page]).tasks.get("t"), sdk.InvalidResponseError);
  await assert.rejects(server.client([{ ...page, status: 404 }]).tasks.get("t"), /404 error: .*baseURL/);
  await assert.rejects(server.client([{ parts: ['{"id":'] }]).tasks.get("t"), /not valid JSON/);
  const elsewhere = { status: 307, headers: { location: `${server.address}/v1/tasks/u` }, body: {} };
  await assert.rejects(server.client([elsewhere, accepted]).tasks.get("t"), /redirects are not followed/);
  assert.equal(server.asked.length, 1);
});

test("a signal ends a request, its attempts and its waits", async () => {
  const reason = new Error("enough");
  const ended = { name: "APIUserAbortError", cause: reason };
  await assert.rejects(server.client([accepted]).tasks.get("t", { signal: AbortSignal.abort(reason) }), ended);
  assert.equal(server.asked.length, 0);
  for (const script of [
    [{ then: "hang" } as Reply],
    [problem(503, "busy", { "retry-after": "50" })],
    [accepted, accepted],
  ]) {
    const client = server.client(script);
    const stop = new AbortController();
    const running = client.runWorkflow("ask", {}, { signal: stop.signal });
    while (server.asked.length < script.length) await new Promise((resolve) => setTimeout(resolve, 5));
    stop.abort(reason);
    await assert.rejects(running, ended);
  }
});

test("a request that brings nothing in time is tried again, and is then an error", async () => {
  const client = server.client([{ then: "hang" }, accepted, { then: "hang" }], { timeout: 500 });
  assert.equal((await client.tasks.get("t-1")).id, "t-1");
  await assert.rejects(client.tasks.get("t-1", { maxRetries: 0 }), sdk.APITimeoutError);
  await assert.rejects(new Client({ baseURL: "http://127.0.0.1:1", maxRetries: 0 }).health(), (thrown) => {
    return thrown instanceof sdk.APIConnectionError && thrown.cause instanceof TypeError;
  });
});

test("lists go through all pages, and show single ones", async () => {
  const pages: Reply[] = [
    { body: { data: [{ id: "a" }, { id: "b" }], next: "x/y" } },
    { body: { data: [], next: "z" } },
    { body: { data: [{ id: "c" }] } },
  ];
  const ids: string[] = [];
  for await (const task of server.client(pages).tasks.list({ workflow: "ask", ended: true })) ids.push(task.id);
  assert.deepEqual(ids, ["a", "b", "c"]);
  const query = "/v1/tasks?workflow=ask&ended=true";
  assert.deepEqual(
    server.asked.map((one) => one.path),
    [query, `${query}&cursor=x%2Fy`, `${query}&cursor=z`],
  );
  const page = await server.client(pages).tasks.list({ limit: 2 });
  assert.deepEqual([page.data.length, page.next], [2, "x/y"]);
  const sizes: number[] = [];
  for await (const { data } of server.client(pages).runs.list().pages()) sizes.push(data.length);
  assert.deepEqual(sizes, [2, 0, 1]);
});

test("ids are parts of the path, whatever is in them", async () => {
  const client = server.client([accepted, accepted, accepted]);
  await client.tasks.signal("a/../b?c", "go on", { by: "ann" });
  await client.tasks.signal("t", "s");
  await client.tasks.cancel("t", { reason: "late" });
  assert.equal(server.asked[0]!.path, "/v1/tasks/a%2F..%2Fb%3Fc/signals/go%20on");
  assert.deepEqual(server.json, [{ payload: { by: "ann" } }, {}, { reason: "late" }]);
  for (const id of ["", ".", ".."]) await assert.rejects(async () => client.tasks.get(id), /cannot be part of a path/);
});

test("the key is in no error, and in nothing that is printed", async () => {
  const apiKey = "mao_secret";
  const client = server.client([problem(401, "unauthenticated")], { apiKey });
  const thrown: unknown[] = [await client.tasks.get("t").catch((error: unknown) => error)];
  for (const options of [{ apiKey: `${apiKey}\n` }, { apiKey, baseURL: "http://127.0.0.1:1", maxRetries: 0 }]) {
    thrown.push(
      await server
        .client([], options)
        .tasks.get("t")
        .catch((error: unknown) => error),
    );
  }
  assert.equal(thrown.filter((one) => one instanceof sdk.MetaAIError).length, 3);
  for (const one of [client, client.tasks, ...thrown]) {
    assert(!inspect(one, { depth: 9, showHidden: true }).includes("secret"));
    assert(!JSON.stringify(one).includes("secret"));
  }
  assert.throws(
    () => new Client({ baseURL: "https://ann:secret@host" }),
    (error) => !String(error).includes("secret"),
  );
});
