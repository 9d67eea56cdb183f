import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { MetaAIError, verifyWebhook, WebhookVerificationError } from "meta-ai-orchestrator-sdk";

const key = `whsec_${Buffer.from("a secret of 24 bytes....").toString("base64")}`;
const other = `whsec_${Buffer.from("another one of 24 bytes.").toString("base64")}`;
const body = JSON.stringify({
  type: "task.succeeded",
  timestamp: "2026-01-01T00:00:00Z",
  data: { task_id: "t-1", answer: "wé" },
});

function signed(text = body, by = key, seconds = Math.floor(Date.now() / 1000)): Record<string, string> {
  const secret = Buffer.from(by.slice(6), "base64");
  const signature = createHmac("sha256", secret).update(`msg_1.${seconds}.${text}`).digest("base64");
  return {
    "webhook-id": "msg_1",
    "webhook-timestamp": `${seconds}`,
    "webhook-signature": `v1a,abc v1,!!! v1,${signature}`,
  };
}

test("a webhook that is signed with one of the keys is returned", async () => {
  const event = await verifyWebhook<string>(body, signed(), key);
  assert.deepEqual([event.type, event.data.task_id, event.data.answer], ["task.succeeded", "t-1", "wé"]);
  const upper = Object.fromEntries(Object.entries(signed()).map(([name, value]) => [name.toUpperCase(), [value]]));
  for (const headers of [new Headers(signed()), upper]) {
    assert.equal((await verifyWebhook(Buffer.from(body), headers, [other, key])).data.answer, "wé");
  }
});

test("an example of the standard is accepted", async () => {
  // From the specification of Standard Webhooks.
  const headers = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  };
  const found = await verifyWebhook('{"test": 2432232314}', headers, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", {
    tolerance: Infinity,
  });
  assert.deepEqual(found, { test: 2432232314 });
});

test("any other is refused", async () => {
  const now = Math.floor(Date.now() / 1000);
  const wrong: [string, Record<string, string>, string | string[]][] = [
    [`${body} `, signed(), key],
    [body, signed(), other],
    [body, signed(), []],
    [body, signed(body, key, now - 301), key],
    [body, signed(body, key, now + 310), key],
    [body, { ...signed(), "webhook-timestamp": "soon" }, key],
    [body, { ...signed(), "webhook-id": "msg_2" }, key],
    [body, { ...signed(), "webhook-signature": signed()["webhook-signature"]!.replaceAll("v1,", "v2,") }, key],
    [body, {}, key],
  ];
  for (const [text, headers, keys] of wrong)
    await assert.rejects(verifyWebhook(text, headers, keys), WebhookVerificationError);
  for (const bad of ["whsec_", "whsec_é", ""]) {
    await assert.rejects(
      verifyWebhook(body, signed(), bad),
      (error) => error instanceof MetaAIError && !String(error).includes("é"),
    );
  }
});
