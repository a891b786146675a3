import { byDeadline, type CallScope, callScope, onBehalfOf } from "../stripe/call-scope.ts";

/** A run that has not begun, and all who wait for it. */
interface Next<T> {
  result: Promise<T>;
  waiting: CallScope[];
}

/**
 * Runs work about one key one at a time; calls that come while it runs share the one run after it. A caller is
 * therefore always answered by a run that began after its call, and a burst costs two runs. What is shared runs in
 * nobody's own scope, so that no caller's deadline cuts off what another waits for; each keeps its own.
 */
export class Coalescer<T> {
  private readonly running = new Map<string, Promise<unknown>>();
  private readonly next = new Map<string, Next<T>>();

  run(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.running.get(key);
    const next = this.next.get(key) ?? (before && this.after(before, key, work));
    if (!next) return this.start(key, work);
    const scope = callScope();
    next.waiting.push(scope);
    return scope.urgency === "request" ? byDeadline(next.result) : next.result;
  }

  private after(before: Promise<unknown>, key: string, work: () => Promise<T>): Next<T> {
    const waiting: CallScope[] = [];
    const result = before
      .catch(() => {})
      .then(() => {
        this.next.delete(key);
        return this.start(key, () => onBehalfOf(waiting, work));
      });
    const next = { result, waiting };
    this.next.set(key, next);
    return next;
  }

  private start(key: string, work: () => Promise<T>): Promise<T> {
    const run = work();
    this.running.set(key, run);
    const done = () => {
      if (this.running.get(key) === run) this.running.delete(key);
    };
    run.then(done, done);
    return run;
  }
}
