import { APIConnectionError, APIError } from "./errors.js";

/** No wait between attempts is longer (seconds): an answer that asks for more is thrown instead. */
const LONGEST = 60;
const FIRST = 0.5;
const LONGEST_UNTOLD = 8;

/**
 * Returns the milliseconds after which to try again, or undefined if that is no use.
 *
 * What may have been done already is tried again only if doing it twice does no harm: that is `repeatable`.
 */
export function retryDelay(error: unknown, attempt: number, repeatable: boolean): number | undefined {
  if (!(error instanceof APIConnectionError || error instanceof APIError) || !retryable(error, repeatable))
    return undefined;
  const told = error instanceof APIError ? error.retryAfter : undefined;
  if (told !== undefined) return told <= LONGEST ? told * 1000 : undefined;
  // Clients that were refused together come back apart.
  return Math.min(FIRST * 2 ** attempt, LONGEST_UNTOLD) * (1 - Math.random() / 4) * 1000;
}

function retryable(error: APIConnectionError | APIError, repeatable: boolean): boolean {
  if (error instanceof APIConnectionError) return repeatable;
  if (error.headers.get("x-should-retry") === "false") return false;
  // These two are refused before anything is done.
  return error.status === 408 || error.status === 429 || (error.status >= 500 && repeatable);
}
