import { MetaAIError, WebhookVerificationError } from "./errors.js";
import type { JsonValue, WebhookEvent } from "./types.js";

export interface WebhookOptions {
  /** Milliseconds by which the clocks may differ. Default: 300000. */
  tolerance?: number;
}

type Headed = Headers | Record<string, string | string[] | undefined>;

/**
 * Checks the signature of a webhook, by Standard Webhooks, and returns what it says.
 *
 * `body` is what was received, unchanged: not JSON that was parsed. `keys` are all that are in use (`whsec_…`).
 *
 * @throws WebhookVerificationError if it was not signed with one of the keys, or is too old.
 */
export async function verifyWebhook<Answer = JsonValue>(
  body: string | Uint8Array,
  headers: Headed,
  keys: string | string[],
  options: WebhookOptions = {},
): Promise<WebhookEvent<Answer>> {
  const [id, timestamp, signatures] = ["id", "timestamp", "signature"].map((name) =>
    headerOf(headers, `webhook-${name}`),
  );
  if (!id || !timestamp || !signatures)
    throw new WebhookVerificationError("it has no webhook-id, webhook-timestamp or webhook-signature");
  const age = Math.abs(Date.now() - Number(timestamp) * 1000);
  // A timestamp that is not a number is refused too.
  if (!(age <= (options.tolerance ?? 300_000)))
    throw new WebhookVerificationError("its webhook-timestamp is too far from now");

  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const head = new TextEncoder().encode(`${id}.${timestamp}.`);
  const signed = new Uint8Array(head.length + bytes.length);
  signed.set(head);
  signed.set(bytes, head.length);
  const given = signatures.split(" ").flatMap((one) => (one.startsWith("v1,") ? (bytesOf(one.slice(3)) ?? []) : []));
  for (const key of [keys].flat()) {
    const secret = bytesOf(key.replace(/^whsec_/, ""));
    if (!secret?.length) throw new MetaAIError("a key is not valid: it is whsec_ and then base64");
    const imported = await crypto.subtle.importKey("raw", secret, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
    for (const signature of given) {
      if (await crypto.subtle.verify("HMAC", imported, signature, signed))
        return JSON.parse(new TextDecoder().decode(bytes)) as WebhookEvent<Answer>;
    }
  }
  throw new WebhookVerificationError("no key has signed it");
}

function headerOf(headers: Headed, name: string): string | undefined {
  if (headers instanceof Headers) return headers.get(name) ?? undefined;
  const found = Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];
  return Array.isArray(found) ? found.join(" ") : found;
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(base64), (one) => one.charCodeAt(0));
  } catch {
    return undefined;
  }
}
