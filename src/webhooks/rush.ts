/** A rush is over when nothing came for a tenth of its length, and for a tenth of a second at most. */
const REST = 0.1;
const LONGEST_REST_MS = 100;
/** What has brought more than one payment's events is a flood, in which a busy machine pauses: it rests for the longest. */
const FLOOD = 20;
/** A rush that lasts longer is what there is to do now. */
const LONGEST_WAIT_MS = 5_000;
/** One that lasts longer is no flood: so many come at other times, too, and what they tell must be kept up with. */
const LONGEST_FLOOD_MS = 60_000;

/**
 * Lets work wait while events are being stored, so that they are acknowledged first, and that what is worked on then
 * finds all of them that tell of the same objects. A payment's dozen take some milliseconds, a flood some seconds.
 */
export class Rush {
  private open = 0;
  private began = 0;
  private came = 0;
  private waiting: Promise<void> | undefined;
  private lastAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly nowMs: () => number = () => performance.now()) {}

  /** Something is being stored from now on, until the function that is given is called. */
  enter(): () => void {
    const now = this.nowMs();
    if (!this.isOn(now)) Object.assign(this, { began: now, came: 0 });
    this.came += 1;
    this.open += 1;
    this.lastAt = now;
    return () => {
      this.open -= 1;
      this.lastAt = this.nowMs();
    };
  }

  /**
   * Resolves when it is over, or has lasted for five seconds: to whether there was one. All who wait at the same time
   * share one look.
   */
  async calm(): Promise<boolean> {
    if (!this.isOn(this.nowMs())) return false;
    this.waiting ??= this.wait().finally(() => {
      this.waiting = undefined;
    });
    await this.waiting;
    return true;
  }

  /** Whether more than a few payments' events are coming, and have not been for long. */
  isFlood(): boolean {
    const now = this.nowMs();
    return this.isOn(now) && this.came > FLOOD && now - this.began < LONGEST_FLOOD_MS;
  }

  private async wait(): Promise<void> {
    for (let now = this.nowMs(); this.isOn(now) && now - this.began < LONGEST_WAIT_MS; now = this.nowMs())
      await new Promise((resolve) => setTimeout(resolve, 1 + this.rest(now)));
  }

  private isOn(now: number): boolean {
    return this.open > 0 || now - this.lastAt < this.rest(this.lastAt);
  }

  private rest(now: number): number {
    if (this.came > FLOOD) return LONGEST_REST_MS;
    return Math.min(REST * (now - this.began), LONGEST_REST_MS);
  }
}
