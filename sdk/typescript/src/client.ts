import { type ClientOptions, type RequestOptions, Transport } from "./transport.js";
import { Adapters, Config, Connectors, Models } from "./resources/catalog.js";
import { DeadLetters } from "./resources/deadLetters.js";
import { Documents } from "./resources/documents.js";
import { Feedbacks } from "./resources/feedback.js";
import { Audit, Metrics } from "./resources/figures.js";
import { Keys } from "./resources/keys.js";
import { Budgets, Prices, Spend } from "./resources/money.js";
import { Results } from "./resources/results.js";
import { Runs } from "./resources/runs.js";
import { Sources } from "./resources/sources.js";
import { type RunOptions, Tasks } from "./resources/tasks.js";
import { Workflows } from "./resources/workflows.js";
import type { JsonValue, TaskParams, TaskResult } from "./types.js";

/**
 * The client of a gateway:
 *
 * ```ts
 * const client = new Client({ apiKey });
 * const { answer } = await client.runWorkflow("ticket-resolution", { subject, body });
 * ```
 */
export class Client {
  readonly #options: ClientOptions;
  readonly #transport: Transport;
  readonly tasks: Tasks;
  readonly results: Results;
  readonly runs: Runs;
  readonly workflows: Workflows;
  readonly documents: Documents;
  readonly sources: Sources;
  readonly models: Models;
  readonly adapters: Adapters;
  readonly connectors: Connectors;
  readonly config: Config;
  readonly spend: Spend;
  readonly budgets: Budgets;
  readonly prices: Prices;
  readonly feedback: Feedbacks;
  readonly deadLetters: DeadLetters;
  readonly metrics: Metrics;
  readonly audit: Audit;
  readonly keys: Keys;

  constructor(options: ClientOptions = {}) {
    const transport = new Transport(options);
    this.#options = options;
    this.#transport = transport;
    this.results = new Results(transport);
    this.tasks = new Tasks(transport, this.results);
    this.runs = new Runs(transport);
    this.workflows = new Workflows(transport);
    this.documents = new Documents(transport);
    this.sources = new Sources(transport);
    this.models = new Models(transport);
    this.adapters = new Adapters(transport);
    this.connectors = new Connectors(transport);
    this.config = new Config(transport);
    this.spend = new Spend(transport);
    this.budgets = new Budgets(transport);
    this.prices = new Prices(transport);
    this.feedback = new Feedbacks(transport);
    this.deadLetters = new DeadLetters(transport);
    this.metrics = new Metrics(transport);
    this.audit = new Audit(transport);
    this.keys = new Keys(transport);
  }

  /** Returns a client with some options changed. */
  withOptions(options: ClientOptions): Client {
    return new Client({ ...this.#options, ...options });
  }

  /**
   * Has a workflow run on an input, and returns the result.
   *
   * @throws TaskFailedError if it ends without an answer; WaitTimeoutError if it has not ended within `maxWait`.
   */
  runWorkflow<Answer = JsonValue>(
    workflow: string,
    input: object,
    options: Omit<TaskParams, "workflow" | "input"> & RunOptions = {},
  ): Promise<TaskResult<Answer>> {
    const { signal, timeout, maxRetries, headers, idempotencyKey, maxWait, ...task } = options;
    const request = { signal, timeout, maxRetries, headers, idempotencyKey, maxWait };
    return this.tasks.run<Answer>({ ...task, workflow, input }, request);
  }

  /** Returns when the gateway knows all tasks; until then it answers 503, which is an error here. */
  async health(options: RequestOptions = {}): Promise<void> {
    await this.#transport.json({ method: "GET", path: "/v1/health" }, options);
  }
}
