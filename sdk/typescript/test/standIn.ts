/** A server that answers as a test has written down, and keeps what it was asked. */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { Client, type ClientOptions } from "meta-ai-orchestrator-sdk";

export interface Reply {
  status?: number;
  headers?: Record<string, string>;
  /** Sent as JSON, unless it is a text. */
  body?: unknown;
  /** Sent one after the other, each by itself. */
  parts?: (string | Uint8Array)[];
  /** What comes last: the connection is cut, or nothing more comes. */
  then?: "cut" | "hang";
}

export interface Asked {
  method: string;
  path: string;
  headers: IncomingMessage["headers"];
  text: string;
  at: number;
  closed: Promise<void>;
}

export class StandIn {
  readonly asked: Asked[] = [];
  #replies: Reply[] = [];
  readonly #server = createServer((request, response) => void this.#answer(request, response));

  static async start(): Promise<StandIn> {
    const found = new StandIn();
    await new Promise<void>((resolve) => found.#server.listen(0, "127.0.0.1", resolve));
    after(() => {
      found.#server.close();
      found.#server.closeAllConnections();
    });
    return found;
  }

  get address(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Answers with these from now on, one for each request, and returns a client. */
  client(replies: Reply[], options: ClientOptions = {}): Client {
    this.asked.length = 0;
    this.#replies = [...replies];
    return new Client({ baseURL: `${this.address}/v1`, ...options });
  }

  get json(): unknown[] {
    return this.asked.map((one) => one.text && JSON.parse(one.text));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url = "", headers } = request;
    const closed = new Promise<void>((resolve) => response.on("close", resolve));
    let text = "";
    for await (const part of request.setEncoding("utf8")) text += part;
    this.asked.push({ method, path: url, headers, text, at: performance.now(), closed });
    const reply = this.#replies.shift() ?? problem(418, "not_in_the_script");
    if (reply.then && !reply.parts && reply.body === undefined) {
      if (reply.then === "cut") request.socket.destroy();
      return;
    }
    const json = typeof reply.body !== "string";
    response.writeHead(reply.status ?? 200, {
      "content-type": json ? "application/json" : "text/plain",
      ...reply.headers,
    });
    for (const part of reply.parts ?? [json ? JSON.stringify(reply.body) : (reply.body as string)]) {
      response.write(part);
      await wait(1);
    }
    if (reply.then === "cut") request.socket.destroy();
    if (!reply.then) response.end();
  }
}

export function problem(status: number, code: string, headers: Record<string, string> = {}): Reply {
  const body = {
    type: "about:blank",
    title: code,
    status,
    code,
    detail: `do something about ${code}`,
    request_id: "r-1",
  };
  return { status, headers: { "content-type": "application/problem+json", ...headers }, body };
}

/** One that is tried again at once. */
export const busy = (status = 503): Reply => problem(status, "busy", { "retry-after": "0" });

export const accepted: Reply = {
  status: 202,
  headers: { "retry-after": "1" },
  body: { id: "t-1", status: "accepted", result: "/v1/results/t-1" },
};

export function result(fields: object = {}): Reply {
  const times = { accepted_at: "2026-01-01T00:00:00Z", finished_at: "2026-01-01T00:00:01Z" };
  return { body: { task_id: "t-1", workflow: "ask", status: "succeeded", answer: "because", ...times, ...fields } };
}
