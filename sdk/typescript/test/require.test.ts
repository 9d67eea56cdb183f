import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import * as imported from "meta-ai-orchestrator-sdk";

test("the package can be required as well as imported", () => {
  const required = createRequire(import.meta.url)("meta-ai-orchestrator-sdk") as typeof imported;
  assert.deepEqual(Object.keys(required).sort(), Object.keys(imported).sort());
  assert.notEqual(required.Client, imported.Client);
  assert(new required.Client({ baseURL: "http://127.0.0.1:9/v1/" }).tasks.list);
});
