export const DAY_SECONDS = 86_400;

/**
 * The sandbox's time: real time plus an offset, which only grows. While due work runs, the clock
 * stands still at the moment the work was due.
 */
export class Clock {
  private offset = 0;
  private standing: number | null = null;
  private readonly listeners = new Set<() => void>();

  /** Milliseconds since 1970. */
  nowMs(): number {
    return this.standing ?? Date.now() + this.offset;
  }

  /** Whole seconds since 1970, as Stripe counts. */
  now(): number {
    return Math.floor(this.nowMs() / 1000);
  }

  /** The sandbox's own time in seconds, whatever moment the work that runs is set in. */
  ownNow(): number {
    return Math.floor((Date.now() + this.offset) / 1000);
  }

  get offsetMs(): number {
    return this.offset;
  }

  set offsetMs(offset: number) {
    this.offset = offset;
    for (const listener of [...this.listeners]) listener();
  }

  /** Runs `work` with the clock standing at `atMs`. */
  standingAt<T>(atMs: number, work: () => T): T {
    const before = this.standing;
    this.standing = atMs;
    try {
      return work();
    } finally {
      this.standing = before;
    }
  }

  /** Calls `listener` whenever the offset changes, until the function returned is called. */
  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}
