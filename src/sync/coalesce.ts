/**
 * Runs work about one key one at a time; calls that come while it runs share the one run after it. A caller is
 * therefore always answered by a run that began after its call, and a burst costs two runs.
 */
export class Coalescer<T> {
  private readonly running = new Map<string, Promise<unknown>>();
  private readonly waiting = new Map<string, Promise<T>>();

  run(key: string, work: () => Promise<T>): Promise<T> {
    const waiting = this.waiting.get(key);
    if (waiting) return waiting;
    const before = this.running.get(key);
    if (!before) return this.start(key, work);
    const next = before
      .catch(() => {})
      .then(() => {
        this.waiting.delete(key);
        return this.start(key, work);
      });
    this.waiting.set(key, next);
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
