import assert from "node:assert/strict";
import { test } from "node:test";
import * as sdk from "meta-ai-orchestrator-sdk";
import type { BatchOutcome, BatchTask } from "meta-ai-orchestrator-sdk";
import { busy, type Reply, StandIn } from "./standIn.js";

const server = await StandIn.start();

function outcomes(count: number, from = 1): Reply {
  const lines = Array.from({ length: count }, (_, at) =>
    JSON.stringify({ line: at + 1, status: "accepted", id: `t-${from + at}` }),
  );
  return { headers: { "content-type": "application/x-ndjson" }, body: lines.map((line) => `${line}\n`).join("") };
}

const lines = (text: string) =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as BatchTask);
const keys = (text: string) => lines(text).map((line) => line.idempotency_key);

test("any number of tasks is sent in several requests, as they come", async () => {
  async function* tasks(): AsyncGenerator<BatchTask> {
    for (let at = 1; at <= 2500; at++)
      yield { workflow: "ask", input: { at }, ...(at === 1 && { idempotency_key: "mine" }) };
  }
  const client = server.client([outcomes(1000), outcomes(1000, 1001), outcomes(500, 2001)]);
  const found: BatchOutcome[] = [];
  for await (const outcome of client.tasks.batch(tasks())) found.push(outcome);
  assert.deepEqual(
    found.map((one) => one.line),
    Array.from({ length: 2500 }, (_, at) => at + 1),
  );
  assert.deepEqual(
    server.asked.map((one) => lines(one.text).length),
    [1000, 1000, 500],
  );
  const all = server.asked.flatMap((one) => keys(one.text));
  assert.deepEqual([all[0], new Set(all).size], ["mine", 2500]);
  assert.equal(server.asked[0]!.headers["content-type"], "application/x-ndjson");
});

test("a request that is made again has the same keys", async () => {
  const client = server.client([busy(), { then: "cut" }, outcomes(2)]);
  assert.equal((await client.tasks.batch([{ input: {} }, { input: {} }])).length, 2);
  assert.equal(server.asked.length, 3);
  assert.equal(new Set(server.asked.map((one) => one.text)).size, 1);
});

test("large tasks go in requests of their own", async () => {
  const large = { input: { text: "x".repeat(3 << 20) } };
  assert.equal(
    (await server.client([outcomes(1), outcomes(1), outcomes(1)]).tasks.batch([large, large, large])).length,
    3,
  );
});

test("lines that were not read are sent again, as long as some are", async () => {
  const refused = '{"line":1,"status":"refused","problem":{"status":422,"code":"invalid_request","detail":"d"}}\n';
  const client = server.client([{ ...outcomes(1), body: refused }, outcomes(1), outcomes(0)]);
  const found: BatchOutcome[] = [];
  await assert.rejects(async () => {
    for await (const outcome of client.tasks.batch([1, 2, 3].map((at) => ({ input: { at } })))) found.push(outcome);
  }, sdk.InvalidResponseError);
  assert.deepEqual(
    found.map((one) => [one.line, one.status]),
    [
      [1, "refused"],
      [2, "accepted"],
    ],
  );
  assert.deepEqual(
    server.asked.map((one) => lines(one.text).length),
    [3, 2, 1],
  );
  await assert.rejects(
    server
      .client([outcomes(2)])
      .tasks.batch([{ input: {} }])
      .then(),
    sdk.InvalidResponseError,
  );
  assert.deepEqual(await server.client([]).tasks.batch([]), []);
});
