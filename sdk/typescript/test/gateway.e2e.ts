/** The client against a real gateway and its worker, whose address and key the environment has. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import * as sdk from "meta-ai-orchestrator-sdk";
import { Client, verifyWebhook } from "meta-ai-orchestrator-sdk";

const client = new Client(); // META_AI_BASE_URL, META_AI_API_KEY
const ANSWER = "This is the answer.";
const question = { question: "why?" };

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = [];
  for await (const item of items) found.push(item);
  return found;
}

/** Returns what a call returns once that is as it should be. */
async function until<T>(call: () => PromiseLike<T>, right: (found: T) => boolean): Promise<T> {
  for (;;) {
    const found = await call();
    if (right(found)) return found;
    await wait(50);
  }
}

test("a workflow is run", async () => {
  const { answer, status, usage } = await client.runWorkflow<{ reply: string; of: string }>("ticket-resolution", {
    subject: "Printer",
    body: "It burns.",
  });
  assert.deepEqual([answer, status], [{ reply: ANSWER, of: "Printer" }, "succeeded"]);
  assert.equal(typeof usage?.cost, "number");
});

test("a run that fails is an error with its code", async () => {
  await assert.rejects(client.runWorkflow("ask", {}), { name: "TaskFailedError", code: "invalid_input" });
  await assert.rejects(client.runWorkflow("absent", {}), {
    name: "UnprocessableEntityError",
    code: "unknown_workflow",
  });
});

test("an answer is followed while it is made, though the connection is cut again and again", async () => {
  let connections = 0;
  const cutting: typeof fetch = async (...given) => {
    const response = await fetch(...given);
    if (!response.headers.get("content-type")?.startsWith("text/event-stream")) return response;
    connections++;
    let parts = 0;
    const cut = new TransformStream<Uint8Array, Uint8Array>({
      transform(part, controller) {
        controller.enqueue(part);
        if (++parts === 2 && connections < 4) controller.error(new Error("cut"));
      },
    });
    return new Response(response.body!.pipeThrough(cut), response);
  };
  const stream = client.withOptions({ fetch: cutting }).tasks.stream<string>({ workflow: "ask", input: question });
  const events = await all(stream);
  const pieces = events.flatMap((one) => (one.type === "piece" ? [one] : []));
  assert.equal(pieces.map((one) => one.piece.text).join(""), ANSWER);
  assert.equal(pieces.at(-1)!.text, ANSWER);
  const last = events.at(-1)!;
  assert(last.type === "result" && last.result.answer === ANSWER);
  assert(connections >= 2);
  assert.equal((await client.tasks.stream(await stream.taskId()).result()).answer, ANSWER);
});

test("a task waits for a signal, or is cancelled", async () => {
  const { id } = await client.tasks.create({ workflow: "refund", input: {} });
  assert.equal(await client.results.get(id), null);
  await assert.rejects(client.results.wait(id, { maxWait: 1 }), sdk.WaitTimeoutError);
  await client.tasks.signal(id, "approval", { by: "ann" });
  assert.deepEqual((await client.results.wait(id)).status, "succeeded");
  assert.equal((await client.tasks.get(id)).status, "succeeded");

  const other = await client.tasks.create({ workflow: "refund", input: {} });
  await client.tasks.cancel(other.id, { reason: "late" });
  const { status, error } = await client.results.wait(other.id);
  assert.equal(status, "cancelled");
  assert.match(error!.message, /late/);
  await assert.rejects(client.tasks.signal(other.id, "approval"), { name: "ConflictError", code: "task_ended" });
});

test("who goes away cancels the run, if the task says so", async () => {
  const stop = new AbortController();
  const running = client.runWorkflow(
    "refund",
    {},
    { signal: stop.signal, on_disconnect: "cancel", metadata: { mine: "yes" } },
  );
  const rows = await until(
    () => all(client.tasks.list({ workflow: "refund", ended: false })),
    (found) => found.length > 0,
  );
  stop.abort();
  await assert.rejects(running, sdk.APIUserAbortError);
  assert.equal(rows[0]!.metadata["mine"], "yes");
  assert.equal((await client.results.wait(rows[0]!.id)).status, "cancelled");
});

test("the same key is the same task", async () => {
  const task = { input: question };
  const ids = await Promise.all([1, 2, 3].map(() => client.tasks.create(task, { idempotencyKey: "order-17" })));
  assert.equal(new Set(ids.map((one) => one.id)).size, 1);
  await assert.rejects(client.tasks.create({ input: {} }, { idempotencyKey: "order-17" }), {
    code: "idempotency_conflict",
  });
});

test("many tasks are sent at once, and lists go through all", async () => {
  const outcomes = await client.tasks.batch([
    { workflow: "ask", input: question },
    { workflow: "absent", input: {} },
    { workflow: "ask", input: question },
  ]);
  assert.deepEqual(
    outcomes.map((one) => [one.line, one.status]),
    [
      [1, "accepted"],
      [2, "refused"],
      [3, "accepted"],
    ],
  );
  const ids = outcomes.flatMap((one) => (one.status === "accepted" ? [one.id] : []));
  for (const id of ids) assert.equal((await client.results.wait(id)).answer, ANSWER);
  const listed = await all(client.tasks.list({ limit: 1 }));
  assert.equal(new Set(listed.map((one) => one.id)).size, listed.length);
  assert(ids.every((id) => listed.some((one) => one.id === id)));
  const run = await client.runs.get(ids[0]!);
  assert.deepEqual([run.status, run.workflow], ["succeeded", "ask"]);
  assert((await client.runs.list({ status: "succeeded" })).data.length > 0);
});

test("workflows are checked, deployed and rolled back", async () => {
  const workflow = { id: "greet", steps: { hello: { kind: "transform", value: "'hello'" } } };
  assert.equal((await client.workflows.validate(workflow)).valid, true);
  assert.equal((await client.workflows.validate("id: greet\nsteps: {}\n")).valid, false);
  assert.equal((await client.workflows.diff(workflow)).change, "new");
  assert.equal((await client.workflows.deploy(workflow, { dry_run: true })).dry_run, true);
  assert.equal((await client.workflows.deploy(workflow)).version, 1);
  const yaml = "id: greet\nversion: 2\nsteps:\n  hello: {kind: transform, value: \"'good day'\"}\n";
  assert.equal((await client.workflows.deploy(yaml)).before, 1);
  const versions = await until(
    () => all(client.workflows.versions("greet")),
    (found) => found.length === 2,
  );
  assert.deepEqual(versions.map((one) => one.version).sort(), [1, 2]);
  assert.equal((await client.workflows.version("greet", 1)).id, "greet");
  assert.equal((await client.workflows.rollback("greet", { to: 1 })).version, 1);
  await until(
    () => client.workflows.get("greet"),
    (found) => found["version"] === 1,
  );
  assert((await all(client.workflows.list())).some((one) => one.id === "greet"));
  await assert.rejects(client.workflows.deploy({ id: "broken" }), (error) => {
    return (
      error instanceof sdk.UnprocessableEntityError && error.code === "invalid_workflow" && error.errors.length > 0
    );
  });
});

test("documents are added, found and deleted, whatever their ids", async () => {
  const id = "docs/../a b?.md";
  await client.documents.add({ id, text: "# Leases\n\nA lease is a time." });
  assert.equal((await client.documents.addMany([{ id: "second", text: "Another one." }])).length, 1);
  const found = await until(
    () => client.documents.get(id),
    (one) => one.status !== "pending",
  );
  assert.deepEqual([found.id, found.status], [id, "searchable"]);
  await until(
    () => all(client.documents.list({ limit: 1 })),
    (rows) => rows.length === 2,
  );
  await client.documents.delete(id);
  await until(
    () => client.documents.get(id),
    (one) => one.status === "deleted",
  );
});

test("keys are made, limited and revoked", async () => {
  const made = await client.keys.create({ owner: "ann", roles: ["viewer"] });
  const viewer = client.withOptions({ apiKey: made.key, maxRetries: 0 });
  await until(
    () =>
      viewer.models.list().then(
        () => true,
        () => false,
      ),
    Boolean,
  );
  await assert.rejects(viewer.tasks.create({ input: question }), { name: "PermissionDeniedError", code: "forbidden" });
  const rotated = await client.keys.rotate(made.id, { overlap: 60 });
  assert.notEqual(rotated.key, made.key);
  assert.equal((await client.keys.get(made.id)).owner, "ann");
  assert((await client.keys.revoke(made.id)).revoked_at);
  assert((await all(client.keys.list())).some((one) => one.id === made.id));
  await until(
    () =>
      viewer.models.list().then(
        () => false,
        (error) => error instanceof sdk.AuthenticationError,
      ),
    Boolean,
  );
});

test("what is configured, spent and said is told", async () => {
  const { task_id } = await client.runWorkflow("ask", question);
  const feedback = await client.feedback.create({ task_id, thumb: "up", comment: "good" });
  await until(
    () => client.feedback.listForTask(task_id),
    (page) => page.data.some((one) => one.id === feedback.id),
  );
  assert((await client.feedback.list({ thumb: "up" })).data.length > 0);
  assert((await all(client.models.list())).some((one) => one.id === "sound"));
  assert.equal((await client.models.get("sound")).id, "sound");
  assert((await all(client.adapters.list({ limit: 5 }))).some((one) => one.name === "openai"));
  assert.equal((await client.adapters.get("openai")).adapter.name, "openai");
  assert((await all(client.connectors.list())).some((one) => one.name === "embed"));
  assert("models" in (await client.config.get()).config);
  assert.equal(typeof (await client.spend.list({ window: "1h", by: "workflow" })).total.calls, "number");
  assert.deepEqual(await all(client.budgets.list()), []);
  assert((await client.prices.list({ all: true, limit: 3 })).data.length === 3);
  assert((await client.metrics.query({ by: "workflow" })).queues.length > 0);
  assert((await all(client.audit.list({ action: "workflow" }))).length > 0);
  assert.deepEqual(await all(client.deadLetters.list()), []);
  await assert.rejects(client.deadLetters.get({ topic: "tasks", partition: 0, offset: 9 }), {
    code: "unknown_dead_letter",
  });
  await assert.rejects(client.deadLetters.replay({ topic: "tasks", partition: 0, offset: 9 }), sdk.NotFoundError);
  await client.health();
  await assert.rejects(client.withOptions({ apiKey: "mao_wrong" }).tasks.get("t"), { code: "unauthenticated" });
});

test("a webhook is received, and its signature is right", async () => {
  const receiver = createServer();
  receiver.listen(Number(process.env["WEBHOOK_PORT"]), "127.0.0.1");
  try {
    const { id } = await client.tasks.create({ workflow: "ask", input: question, webhook: "here" });
    const [request, response] = (await once(receiver, "request")) as [
      IncomingMessage,
      import("node:http").ServerResponse,
    ];
    const body = Buffer.concat(await all(request));
    response.end();
    const event = await verifyWebhook<string>(body, request.headers, process.env["WEBHOOK_KEY"]!);
    assert.deepEqual([event.type, event.data.task_id, event.data.answer], ["task.succeeded", id, ANSWER]);
  } finally {
    receiver.close();
    receiver.closeAllConnections();
  }
});
