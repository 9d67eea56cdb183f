import { Alarm, sleep } from "./alarm.js";
import { APIError, InvalidResponseError, MetaAIError } from "./errors.js";
import { retryDelay } from "./retries.js";
import { EventReader, NO_MORE, type ServerSentEvent } from "./sse.js";
import { VERSION } from "./version.js";

export interface ClientOptions {
  /**
   * The API key, or a function that returns a token that is still valid. Default: `META_AI_API_KEY` of the environment.
   * A gateway on this machine may need none.
   */
  apiKey?: string | (() => string | Promise<string>) | undefined;
  /** Where the gateway is. Default: `META_AI_BASE_URL` of the environment, or `http://127.0.0.1:8089/v1`. */
  baseURL?: string | undefined;
  /** Milliseconds for which a request, or a stream, may bring nothing. Default: 60000. */
  timeout?: number | undefined;
  /** How often a request that fails is tried again. Default: 2. */
  maxRetries?: number | undefined;
  /** What sends the requests. Default: the `fetch` of the platform. */
  fetch?: typeof fetch | undefined;
  /** Headers of all requests. */
  headers?: Record<string, string> | undefined;
}

export interface RequestOptions {
  /** Ends the request, with all its attempts and waits. */
  signal?: AbortSignal | undefined;
  /** As of the client. */
  timeout?: number | undefined;
  /** As of the client. */
  maxRetries?: number | undefined;
  /** Headers of this request. */
  headers?: Record<string, string> | undefined;
}

/** For requests that are done once for a key. */
export interface IdempotentOptions extends RequestOptions {
  /** Requests with the same key and body are done once. Default: a new key, the same for all attempts. */
  idempotencyKey?: string | undefined;
}

/** A request of the API. */
export interface Call {
  method: "GET" | "POST" | "DELETE";
  path: string;
  query?: object | undefined;
  /** Sent as JSON, or as it is if it has a `contentType`. */
  body?: unknown;
  contentType?: string | undefined;
  headers?: Record<string, string> | undefined;
  /** Whether doing it twice does no harm. Default: true. */
  repeatable?: boolean;
  /** Seconds for which the gateway is asked to wait for a result. */
  wait?: number | undefined;
}

/** Makes requests, and tries them again. */
export class Transport {
  // Private, so that nobody who prints a client prints its key.
  readonly #options: ClientOptions;
  readonly #base: string;
  readonly timeout: number;
  readonly maxRetries: number;

  constructor(options: ClientOptions) {
    this.#options = { ...options, apiKey: options.apiKey ?? variable("META_AI_API_KEY") };
    const base = options.baseURL ?? variable("META_AI_BASE_URL") ?? "http://127.0.0.1:8089/v1";
    if (!/^https?:\/\/[^?#@]+$/.test(base)) throw new MetaAIError("baseURL must be an address such as https://host/v1");
    this.#base = base.replace(/\/+$/, "").replace(/\/v1$/, "");
    this.timeout = options.timeout ?? 60_000;
    this.maxRetries = options.maxRetries ?? 2;
  }

  /** Returns the JSON of the answer. */
  async json<T>(call: Call, options: RequestOptions = {}): Promise<T> {
    return (await this.answer<T>(call, options)).data;
  }

  /** Returns the status and the JSON of the answer. */
  async answer<T>(call: Call, options: RequestOptions = {}): Promise<{ status: number; data: T }> {
    return this.#tried(call, options, async (response) => {
      const type = response.headers.get("content-type") ?? "nothing";
      const text = await response.text();
      if (!type.includes("json"))
        throw new InvalidResponseError(`the answer is ${type} instead of JSON: is baseURL right?`);
      return { status: response.status, data: parsed<T>(text) };
    });
  }

  /** Returns the text of the answer. */
  async text(call: Call, options: RequestOptions = {}): Promise<string> {
    return this.#tried(call, options, (response) => response.text());
  }

  /** Yields the events of a stream, and undefined for what only says that it is alive. There is one attempt. */
  async *events(call: Call, options: RequestOptions = {}): AsyncGenerator<ServerSentEvent | undefined> {
    const alarm = new Alarm(options.signal, options.timeout ?? this.timeout);
    try {
      const response = await this.#sent(call, options, alarm);
      if (response.status === 204) yield NO_MORE;
      const type = response.headers.get("content-type") ?? "nothing";
      if (response.status === 200 && !type.startsWith("text/event-stream"))
        throw new InvalidResponseError(`the answer is ${type} instead of events: is baseURL right?`);
      const source = response.body?.getReader();
      const reader = new EventReader();
      for (let part = await source?.read(); part?.value; part = await source?.read()) {
        alarm.restart();
        yield* reader.read(part.value);
      }
    } catch (error) {
      throw alarm.explain(error);
    } finally {
      alarm.abort();
    }
  }

  async #tried<T>(call: Call, options: RequestOptions, read: (response: Response) => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#once(call, options, read);
      } catch (error) {
        const delay = retryDelay(error, attempt, call.repeatable ?? true);
        if (delay === undefined || attempt >= (options.maxRetries ?? this.maxRetries)) throw error;
        await sleep(delay, options.signal);
      }
    }
  }

  async #once<T>(call: Call, options: RequestOptions, read: (response: Response) => Promise<T>): Promise<T> {
    const alarm = new Alarm(options.signal, (options.timeout ?? this.timeout) + (call.wait ?? 0) * 1000);
    try {
      return await read(await this.#sent(call, options, alarm));
    } catch (error) {
      throw alarm.explain(error);
    } finally {
      alarm.stop();
    }
  }

  async #sent(call: Call, options: RequestOptions, alarm: Alarm): Promise<Response> {
    const headers = await this.#headers(call, options);
    const body = call.body === undefined || call.contentType ? call.body : JSON.stringify(call.body);
    const send = this.#options.fetch ?? fetch;
    const response = await send(this.#base + call.path + queryOf(call.query), {
      method: call.method,
      headers,
      body: (body as BodyInit | undefined) ?? null,
      signal: alarm.signal,
      // A key goes nowhere else.
      redirect: "manual",
    });
    if (!response.ok) throw await APIError.of(response);
    return response;
  }

  async #headers(call: Call, options: RequestOptions): Promise<Headers> {
    const headers = new Headers({ accept: "application/json", ...call.headers });
    // Browsers have one of their own, and would have to ask the gateway whether it may be another.
    if (!("document" in globalThis)) headers.set("user-agent", `meta-ai-orchestrator-sdk/${VERSION}`);
    if (call.body !== undefined) headers.set("content-type", call.contentType ?? "application/json");
    if (call.wait) headers.set("prefer", `wait=${call.wait}`);
    const { apiKey } = this.#options;
    const key = typeof apiKey === "function" ? await apiKey() : apiKey;
    if (key) headers.set("authorization", `Bearer ${checked(key)}`);
    for (const [name, value] of Object.entries({ ...this.#options.headers, ...options.headers }))
      headers.set(name, value);
    return headers;
  }
}

/** Returns the headers of a request that is done once for a key. */
export function keyed(options: IdempotentOptions): Record<string, string> {
  return { "idempotency-key": options.idempotencyKey ?? crypto.randomUUID() };
}

/** Returns a path whose parts are encoded: `path("/v1/tasks", id, "cancel")`. */
export function path(base: string, ...parts: (string | number)[]): string {
  const encoded = parts.map((part) => {
    // These are taken out of addresses, which would then lead elsewhere.
    if (["", ".", ".."].includes(String(part)))
      throw new MetaAIError(`"${part}" cannot be part of a path; give the id`);
    return encodeURIComponent(part);
  });
  return [base, ...encoded].join("/");
}

/** Returns what a JSON text stands for, which is always an object. */
export function parsed<T>(text: string): T {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch (error) {
    throw new InvalidResponseError("the answer is not valid JSON", { cause: error });
  }
  if (typeof found !== "object" || found === null || Array.isArray(found))
    throw new InvalidResponseError("the answer is JSON, but no object");
  return found as T;
}

function queryOf(query: object = {}): string {
  const fields = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null) fields.append(name, String(one));
    }
  }
  const text = fields.toString();
  return text && `?${text}`;
}

/** The errors of `fetch` repeat headers that are not valid, so a key that is not must not get there. */
function checked(key: string): string {
  if (!/^[\x21-\x7e]+$/.test(key)) throw new MetaAIError("apiKey has characters that no key has, such as a line break");
  return key;
}

function variable(name: string): string | undefined {
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
  try {
    return process?.env?.[name] || undefined;
  } catch {
    return undefined; // Deno, without the permission
  }
}
