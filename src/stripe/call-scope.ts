import { AsyncLocalStorage } from "node:async_hooks";
import type { Urgency } from "./budget.ts";

/** On whose behalf Stripe is called, and until when an answer is of use. */
interface CallScope {
  urgency: Urgency;
  /** In milliseconds since 1970, real time. */
  deadline: number;
}

/** How long somebody waits for an answer that needs Stripe. */
export const REQUEST_MS = 10_000;
/** How long a job's call may take; the job is tried again anyway. */
const JOB_CALL_MS = 30_000;

const scope = new AsyncLocalStorage<CallScope>();

/** Within `work` somebody waits: all calls to Stripe together end by one deadline. */
export function whileSomebodyWaits<T>(work: () => T): T {
  return scope.run({ urgency: "request", deadline: Date.now() + REQUEST_MS }, work);
}

/** Outside of any request it is a job that calls. */
export function callScope(): CallScope {
  return scope.getStore() ?? { urgency: "job", deadline: Date.now() + JOB_CALL_MS };
}
