import { RateLimited } from "../errors.ts";

/** How much of something each caller has at a time. */
export class Held {
  private readonly counts = new Map<string, number>();

  constructor(
    private readonly most: number,
    private readonly words: string,
  ) {}

  /**
   * One more of a caller's; who has no name is not counted. Gives what lets go of it, once.
   * @throws RateLimited
   */
  take(caller: string | undefined): () => void {
    if (caller === undefined) return () => {};
    const count = this.counts.get(caller) ?? 0;
    if (count >= this.most) throw new RateLimited(this.words);
    this.counts.set(caller, count + 1);
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      const left = (this.counts.get(caller) ?? 1) - 1;
      if (left > 0) this.counts.set(caller, left);
      else this.counts.delete(caller);
    };
  }
}

/** Live subscriptions of a caller in one process, on all transports together. */
export const MOST_LIVE = 200;
/** WebSocket connections of a caller in one process; those that have not said who they are end after seconds. */
export const MOST_SOCKETS = 100;
