import { APIConnectionError, APITimeoutError, APIUserAbortError, MetaAIError } from "./errors.js";

/** Ends a request when its caller aborts it, or when nothing has come for too long; and says which it was. */
export class Alarm {
  readonly #controller = new AbortController();
  readonly #caller: AbortSignal | undefined;
  readonly #milliseconds: number;
  readonly #end = () => this.#controller.abort();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #rang = false;

  constructor(caller: AbortSignal | undefined, milliseconds: number) {
    requireGoingOn(caller);
    this.#caller = caller;
    this.#milliseconds = milliseconds;
    caller?.addEventListener("abort", this.#end);
    this.restart();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Something has come: the time begins anew. */
  restart(): void {
    clearTimeout(this.#timer);
    if (this.#milliseconds > LONGEST_TIMER) return;
    this.#timer = setTimeout(() => {
      this.#rang = true;
      this.#end();
    }, this.#milliseconds);
  }

  /** Ends the request, or what is left of its answer. */
  abort(): void {
    this.stop();
    this.#end();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#caller?.removeEventListener("abort", this.#end);
  }

  /** Returns the error of this package for what `fetch` threw. */
  explain(error: unknown): MetaAIError {
    if (error instanceof MetaAIError) return error;
    if (this.#caller?.aborted) return aborted(this.#caller);
    if (this.#rang) return new APITimeoutError(`nothing came within ${this.#milliseconds} ms`, { cause: error });
    return new APIConnectionError(`the connection failed, or was cut off: ${reasonOf(error)}`, { cause: error });
  }
}

/** What Node.js says is "fetch failed"; why, is a level deeper. */
function reasonOf(error: unknown): string {
  const deepest = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return deepest instanceof Error ? deepest.message || deepest.name : String(deepest);
}

/** Resolves after so many milliseconds, unless the signal ends the wait. */
export async function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  requireGoingOn(signal);
  let end: () => void = () => undefined;
  try {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.min(milliseconds, LONGEST_TIMER));
      end = () => {
        clearTimeout(timer);
        resolve();
      };
      signal?.addEventListener("abort", end);
    });
  } finally {
    signal?.removeEventListener("abort", end);
  }
  requireGoingOn(signal);
}

/** A timer with a longer time would ring at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

function requireGoingOn(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw aborted(signal);
}

function aborted(signal: AbortSignal): APIUserAbortError {
  return new APIUserAbortError("the signal ended the request", { cause: signal.reason });
}
