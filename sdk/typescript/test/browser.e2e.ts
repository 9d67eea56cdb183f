/** The client in a page of another host, in a headless Chromium, against a gateway that allows it. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

/** Runs in the page, and says what came of it. */
const SCRIPT = `
  import { Client } from "/index.js";
  const told = {};
  try {
    const client = new Client(await (await fetch("/options")).json());
    told.answer = (await client.runWorkflow("ask", { question: "why?" })).answer;
    const texts = [];
    for await (const event of client.tasks.stream({ workflow: "ask", input: { question: "why?" } })) {
      texts.push(event.type === "piece" ? event.text : event.result.answer);
    }
    told.texts = texts;
    told.outcomes = (await client.tasks.batch([{ workflow: "ask", input: {} }])).map((one) => one.status);
    const refused = await client.tasks.get("absent").catch((error) => error);
    told.refused = [refused.name, refused.code, refused.headers.get("x-request-id") === refused.requestId];
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 50);
    told.aborted = (await client.runWorkflow("refund", {}, { signal: stop.signal }).catch((error) => error)).name;
  } catch (error) {
    told.error = String(error);
  }
  await fetch("/told", { method: "POST", body: JSON.stringify(told) });
`;

test("a page of another host uses the gateway", async () => {
  const { META_AI_BASE_URL: baseURL, META_AI_API_KEY: apiKey, PAGE_PORT, CHROMIUM } = process.env;
  const pages = createServer(async (request, response) => {
    const path = request.url ?? "/";
    if (path === "/told") {
      let text = "";
      for await (const part of request) text += String(part);
      pages.emit("told", JSON.parse(text));
    }
    if (path.endsWith(".js")) {
      response.setHeader("content-type", "text/javascript");
      response.end(await readFile(`dist/esm${path}`).catch(() => ""));
    } else if (path === "/options") response.end(JSON.stringify({ baseURL, apiKey }));
    else response.setHeader("content-type", "text/html").end(`<!doctype html><script type="module">${SCRIPT}</script>`);
  });
  pages.listen(Number(PAGE_PORT), "127.0.0.1");
  const profile = await mkdtemp(join(tmpdir(), "chromium-"));
  const alone = ["--disable-background-networking", "--disable-component-update", "--no-first-run", "--disable-sync"];
  const rules = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1";
  const page = `http://127.0.0.1:${PAGE_PORT}/`;
  const browser = spawn(CHROMIUM!, [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    ...alone,
    rules,
    `--user-data-dir=${profile}`,
    page,
  ]);
  try {
    const [told] = (await once(pages, "told", { signal: AbortSignal.timeout(60_000) })) as [Record<string, unknown>];
    assert.equal(told["error"], undefined);
    assert.equal(told["answer"], "This is the answer.");
    assert.equal((told["texts"] as string[]).at(-2), "This is the answer.");
    assert.deepEqual(told["outcomes"], ["accepted"]);
    assert.deepEqual(told["refused"], ["NotFoundError", "unknown_task", true]);
    assert.equal(told["aborted"], "APIUserAbortError");
  } finally {
    browser.kill("SIGKILL");
    await once(browser, "close");
    pages.close();
    pages.closeAllConnections();
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }
});
