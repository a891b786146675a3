const SECONDS = [0.5, 1, 2, 5, 10, 30, 60];
/** After so many attempts, some two hours, something has failed for good. */
const MAX_ATTEMPTS = 120;

/** How long what has failed waits for its next attempt, in real time: a delivery, or due work. */
export class BackOff {
  private readonly seconds: number[];

  /** @param seconds from one attempt to the next; the last entry repeats */
  constructor(seconds = SECONDS) {
    this.seconds = seconds;
  }

  /** Milliseconds to wait when so many attempts have failed; null when that was the last. */
  after(attempts: number): number | null {
    if (attempts >= MAX_ATTEMPTS) return null;
    return (this.seconds[attempts - 1] ?? this.seconds.at(-1)!) * 1000;
  }
}
