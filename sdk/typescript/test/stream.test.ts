import assert from "node:assert/strict";
import { test } from "node:test";
import * as sdk from "meta-ai-orchestrator-sdk";
import type { TaskEvent } from "meta-ai-orchestrator-sdk";
import { accepted, busy, problem, type Reply, result, StandIn } from "./standIn.js";

const server = await StandIn.start();

function piece(id: number, text: string, fields: object = {}): string {
  const known = {
    task_id: "t-1",
    step: "answer",
    branch: "m",
    model: "m",
    request_id: "r",
    stream: "r#1",
    index: id - 1,
  };
  const data = { ...known, base: 0, kind: "text", text, end: false, finish_reason: "", ...fields };
  return `event: piece\ndata: ${JSON.stringify(data)}\nid: ${id}\n\n`;
}

const end = `event: result\ndata: ${JSON.stringify(result().body)}\nid: result\n\n`;

function stream(parts: (string | Uint8Array)[], then?: Reply["then"]): Reply {
  return { headers: { "content-type": "text/event-stream" }, parts, ...(then && { then }) };
}

async function followed(client: sdk.Client): Promise<string[]> {
  const told: string[] = [];
  for await (const event of client.tasks.stream("t-1"))
    told.push(event.type === "piece" ? event.piece.text : event.type);
  return told;
}

const lastIds = () => server.asked.map((one) => one.headers["last-event-id"]);

test("pieces come with the text so far, then the result, and then it ends", async () => {
  const client = server.client([stream([piece(1, "be"), ": keep-alive\n\n", piece(2, "cause"), end])]);
  const events: TaskEvent<string>[] = [];
  for await (const event of client.tasks.stream<string>("t-1")) events.push(event);
  assert.deepEqual(
    events.map((one) => (one.type === "piece" ? one.text : one.result.answer)),
    ["be", "because", "because"],
  );
  assert.equal(server.asked[0]!.path, "/v1/tasks/t-1/events");
});

test("events are read wherever the network cuts them, with any ends of lines", async () => {
  const whole = `\ufeffretry: 9\n: ünd\n${piece(1, "ä€😀")}event: other\ndata: {}\nid: 2\n\ndata\n\n${piece(3, "b")}${end}`;
  for (const line of ["\n", "\r\n", "\r"]) {
    const bytes = Buffer.from(whole.replaceAll("\n", line));
    const places = Array.from({ length: 24 }, (_, one) => one * 29 + (line.length % 2));
    const parts = [0, ...places.filter((one) => one > 0 && one < bytes.length)].map((from, index, all) =>
      bytes.subarray(from, all[index + 1]),
    );
    assert.deepEqual(await followed(server.client([stream(parts)])), ["ä€😀", "b", "result"]);
  }
  const bytes = Buffer.from(piece(1, "ä€").replaceAll("\n", "\r\n") + end);
  const single = Array.from(bytes, (one) => Uint8Array.of(one));
  assert.deepEqual(await followed(server.client([stream(single)])), ["ä€", "result"]);
});

test("a stream that is cut goes on, with nothing lost and nothing twice", async () => {
  const replies = [
    stream([piece(8, "a"), piece(9, "b"), piece(10, "c").slice(0, -1)], "cut"),
    busy(),
    stream([piece(9, "b"), piece(10, "c"), piece(11, "d")]),
    { then: "cut" } as Reply,
    stream([piece(11, "d"), piece(900719925474099312, "e"), piece(900719925474099312, "e"), end]),
  ];
  assert.deepEqual(await followed(server.client(replies)), ["a", "b", "c", "d", "e", "result"]);
  assert.deepEqual(lastIds(), [undefined, "9", "9", "11", "11"]);
});

test("a stream that brings nothing more is given up after the retries", async () => {
  const again = stream([piece(1, "a")], "cut");
  const client = server.client([stream([piece(1, "a")], "cut"), again, again, again], { maxRetries: 1 });
  await assert.rejects(followed(client), sdk.APIConnectionError);
  assert.equal(server.asked.length, 2);
  await assert.rejects(followed(server.client([stream([]), stream([])], { maxRetries: 1 })), /ended before the result/);
});

test("a silent stream is taken for dead, and one that is kept alive is not", async () => {
  const alive = Array.from({ length: 700 }, () => ": keep-alive\n\n");
  const replies = [stream([piece(1, "a")], "hang"), stream([...alive, piece(2, "b"), end])];
  assert.deepEqual(await followed(server.client(replies, { timeout: 600 })), ["a", "b", "result"]);
  assert.deepEqual(lastIds(), [undefined, "1"]);
});

test("a refusal, a page and broken data are errors at once", async () => {
  for (const reply of [
    problem(404, "unknown_task"),
    result(),
    stream(["event: piece\ndata: {\nid: 1\n\n"]),
    stream(["data: {}\n\n"]),
  ]) {
    await assert.rejects(followed(server.client([reply, stream([end])])), sdk.MetaAIError);
    assert.equal(server.asked.length, 1);
  }
});

test("who stops reading closes the connection", async () => {
  const client = server.client([stream([piece(1, "a")], "hang"), stream([piece(1, "a")], "hang")]);
  for await (const event of client.tasks.stream("t-1")) if (event.type === "piece") break;
  await server.asked[0]!.closed;
  const stop = new AbortController();
  await assert.rejects(async () => {
    for await (const _ of client.tasks.stream("t-1", { signal: stop.signal })) stop.abort();
  }, sdk.APIUserAbortError);
  await server.asked[1]!.closed;
  assert.equal(server.asked.length, 2);
});

test("a new task is sent once, and another gateway may not know it for a moment", async () => {
  const client = server.client([accepted, problem(404, "unknown_task"), stream([piece(1, "a"), end]), stream([end])]);
  const running = client.tasks.stream({ input: { question: "why?" } }, { idempotencyKey: "k" });
  assert.equal(await running.taskId(), "t-1");
  assert.equal((await running.result()).answer, "because");
  assert.equal((await running.result()).answer, "because");
  assert.deepEqual(
    server.asked.map((one) => one.method),
    ["POST", "GET", "GET", "GET"],
  );
});

test("the text goes on where another attempt was cut off, by step, without reasoning and repetitions", async () => {
  const replies = [
    piece(1, "hm", { kind: "reasoning" }),
    piece(2, "😀 yes", { index: 1 }),
    piece(3, "other", { step: "second", stream: "s", index: 0 }),
    piece(4, "!", { stream: "r#2", index: 0, base: 2 }),
    piece(5, "late", { index: 2 }),
    piece(6, "!", { stream: "r#2", index: 0 }),
    piece(7, "?", { stream: "r#2", index: 1 }),
  ];
  const texts: string[] = [];
  for await (const event of server.client([stream([...replies, end])]).tasks.stream("t-1")) {
    if (event.type === "piece") texts.push(event.text);
  }
  assert.deepEqual(texts, ["", "😀 yes", "other", "😀 !", "😀 !", "😀 !", "😀 !?"]);
});
