/** The client of the Meta AI Orchestrator's HTTP gateway. */

export { Client } from "./client.js";
export * from "./errors.js";
export type { Listing, Page } from "./listing.js";
export type { WaitOptions } from "./resources/results.js";
export type { RunOptions } from "./resources/tasks.js";
export type { TaskBatch } from "./taskBatch.js";
export type { TaskStream } from "./taskStream.js";
export type { ClientOptions, IdempotentOptions, RequestOptions } from "./transport.js";
export type { WorkflowSource } from "./resources/workflows.js";
export type * from "./types.js";
export { VERSION } from "./version.js";
export { verifyWebhook, type WebhookOptions } from "./webhooks.js";
