/**
 * The moments of the pipeline at which a process may die, and where the next one has to take up what it left: each
 * lies between two effects that cannot happen together. Tests end a process, or cut it off, at every one of them.
 */
export const CRASH_POINTS = [
  // a webhook, before and after it is worked on
  "webhook-stored",
  "inbox-leased",
  "inbox-followed",
  // a sync
  "ticket-taken",
  "stripe-read",
  "rows-written",
  "access-fenced",
  "rows-committed",
  // a change at Stripe
  "slot-claimed",
  "intent-opened",
  "intent-leased",
  "intent-posted",
  "intent-succeeded",
  "intent-followed",
  // events on their way out
  "outbox-leased",
  "outbox-published",
  // a client's key
  "key-claimed",
  "key-worked",
] as const;
export type CrashPoint = (typeof CRASH_POINTS)[number];

let armed: ((point: CrashPoint) => void) | undefined;

/** Passed by whoever works; does nothing unless something is armed. */
export function reached(point: CrashPoint): void {
  armed?.(point);
}

/** What is done at each point that is reached from now on, in this process; nothing when left out. For tests. */
export function armCrashPoints(act?: (point: CrashPoint) => void): void {
  armed = act;
}
