/** The cases that the clients for Python and TypeScript share: see `sdk/cases/README.md`. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { after, test } from "node:test";
import { inspect } from "node:util";
import { Client, MetaAIError } from "meta-ai-orchestrator-sdk";

type Fields = Record<string, unknown>;

interface Case {
  name: string;
  why: string;
  options?: { max_retries?: number; timeout?: number };
  call: { method: string; arguments: Fields };
  outcome: { value?: unknown; items?: unknown[]; error?: Fields };
}

const FOLDER = "../cases/";
const server = spawn(process.env["PYTHON"] ?? "python3", [`${FOLDER}server.py`], {
  stdio: ["pipe", "pipe", "inherit"],
});
after(() => server.stdin.end());
const address = String((await once(server.stdout, "data"))[0]).trim();

/** The methods as Python names them; arguments are looked at by the test only as far as they have other names here. */
const METHODS: Record<string, (client: Client, given: any) => unknown> = {
  run_workflow: (client, { workflow, inputs }) => client.runWorkflow(workflow, inputs),
  "tasks.create": (client, { idempotency_key, ...task }) =>
    client.tasks.create(task, { idempotencyKey: idempotency_key }),
  "tasks.get": (client, { task_id }) => client.tasks.get(task_id),
  "tasks.list": (client, query) => client.tasks.list(query),
  "tasks.cancel": (client, { task_id, ...params }) => client.tasks.cancel(task_id, params),
  "tasks.signal": (client, { task_id, name, payload }) => client.tasks.signal(task_id, name, payload),
  "tasks.stream": (client, { task_id }) => client.tasks.stream(task_id),
  "tasks.batch": (client, { tasks }) => client.tasks.batch(tasks),
  "results.get": (client, { task_id }) => client.results.get(task_id),
  "keys.create": (client, key) => client.keys.create(key),
  "workflows.list": (client, query) => client.workflows.list(query),
};

/** Asserts that what is expected is there; objects may have more. */
function assertHas(found: unknown, expected: unknown, where: string): void {
  if (Array.isArray(expected)) {
    assert(Array.isArray(found), `${where}: ${inspect(found)}`);
    assert.equal(found.length, expected.length, `${where}: ${inspect(found)}`);
    expected.forEach((one, at) => assertHas(found[at], one, `${where}.${at}`));
  } else if (typeof expected === "object" && expected !== null) {
    assert(typeof found === "object" && found !== null, `${where}: ${inspect(found)}`);
    for (const [name, one] of Object.entries(expected)) assertHas((found as Fields)[name], one, `${where}.${name}`);
  } else {
    assert.equal(found ?? null, expected, where);
  }
}

function assertFails(error: unknown, { type, ...fields }: Fields): void {
  assert(error instanceof MetaAIError, inspect(error));
  assert.equal(error.name, type);
  assert(!inspect(error).includes("test-key"));
  for (const [name, value] of Object.entries(fields)) {
    const ours = name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
    assertHas(error[ours as keyof typeof error], value, name);
  }
}

async function check(client: Client, { call, outcome }: Case): Promise<void> {
  const items: unknown[] = [];
  let value: unknown;
  let failure: unknown;
  try {
    const found = METHODS[call.method]!(client, call.arguments);
    if (outcome.items) for await (const item of found as AsyncIterable<unknown>) items.push(item);
    else value = await found;
  } catch (error) {
    failure = error;
  }
  if (outcome.error) assertFails(failure, outcome.error);
  else if (failure) throw failure;
  if (outcome.items) assertHas(items, outcome.items, "items");
  else if (!outcome.error) assertHas(value, outcome.value ?? null, "value");
}

async function run(stem: string, one: Case): Promise<void> {
  const baseURL = `${address}/${stem}/${one.name}/1`;
  const { timeout = 60, max_retries: maxRetries } = one.options ?? {};
  await check(new Client({ baseURL, apiKey: "test-key", timeout: timeout * 1000, maxRetries }), one);
  const verdict = await (await fetch(`${baseURL}/verdict`)).json();
  assert.deepEqual(verdict, { problems: [] });
}

const files = (await readdir(FOLDER)).filter((one) => one.endsWith(".json"));
const all: [string, Case][] = [];
for (const name of files) {
  const cases = JSON.parse(await readFile(FOLDER + name, "utf8")) as Case[];
  all.push(...cases.map((one): [string, Case] => [name.replace(".json", ""), one]));
}
assert(all.length > 0);
// Where time counts, none runs beside another.
const timed = all.filter(([, one]) => one.options?.timeout !== undefined);

test("all at once", { concurrency: true }, async (group) => {
  const others = all.filter((one) => !timed.includes(one));
  await Promise.all(others.map(([stem, one]) => group.test(`${stem}/${one.name}: ${one.why}`, () => run(stem, one))));
});
for (const [stem, one] of timed) test(`${stem}/${one.name}: ${one.why}`, () => run(stem, one));
