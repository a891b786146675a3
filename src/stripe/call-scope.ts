import { AsyncLocalStorage } from "node:async_hooks";
import { ProviderUnavailable } from "../errors.ts";
import type { Urgency } from "./budget.ts";

/** On whose behalf Stripe is called, and until when an answer is of use. */
export interface CallScope {
  urgency: Urgency;
  /** In milliseconds since 1970, real time. */
  deadline: number;
}

/** How long somebody waits for an answer that needs Stripe. */
export const REQUEST_MS = 10_000;
/** How long a job's call may take; the job is tried again anyway. */
const JOB_CALL_MS = 30_000;

const scope = new AsyncLocalStorage<CallScope>();
const outsideOfAll = AsyncLocalStorage.snapshot();

/** Within `work` somebody waits: all calls to Stripe together end by one deadline. */
export function whileSomebodyWaits<T>(work: () => T): T {
  return scope.run({ urgency: "request", deadline: Date.now() + REQUEST_MS }, work);
}

/** Outside of any request it is a job that calls. */
export function callScope(): CallScope {
  return scope.getStore() ?? { urgency: "job", deadline: Date.now() + JOB_CALL_MS };
}

/**
 * Work that several wait for, in nobody's own scope: as urgent as for the most urgent of them, and for as long as the
 * most patient waits. Each of them has its own deadline still, see {@link byDeadline}.
 */
export function onBehalfOf<T>(waiting: readonly CallScope[], work: () => T): T {
  const urgent = waiting.some(({ urgency }) => urgency === "request");
  if (!urgent) return outsideOfAll(work);
  const deadline = Math.max(...waiting.map((one) => one.deadline));
  return outsideOfAll(() => scope.run({ urgency: "request", deadline }, work));
}

/** The answer, unless it comes after whoever asked has gone. @throws ProviderUnavailable at the deadline */
export async function byDeadline<T>(answer: Promise<T>): Promise<T> {
  const { deadline } = callScope();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new ProviderUnavailable()), Math.max(0, deadline - Date.now()));
  });
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}
