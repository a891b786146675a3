/** Work that waits for a lane, and whoever waits for it. */
interface Waiting {
  work: () => Promise<void>;
  done: () => void;
  failed: (error: unknown) => void;
}

/** How much may be under way is asked again this often, while some waits. */
const LOOK_MS = 100;

/** Lets so much work be under way at once, in the order in which it came. */
export class Lanes {
  private readonly waiting: Waiting[] = [];
  private underWay = 0;
  private look: NodeJS.Timeout | undefined;

  /** @param most how much it is now */
  constructor(private readonly most: () => number) {}

  run(work: () => Promise<void>): Promise<void> {
    return new Promise((done, failed) => {
      this.waiting.push({ work, done, failed });
      this.go();
    });
  }

  private go(): void {
    while (this.underWay < this.most()) {
      const next = this.waiting.shift();
      if (!next) return;
      this.underWay += 1;
      void next
        .work()
        .then(next.done, next.failed)
        .finally(() => {
          this.underWay -= 1;
          this.go();
        });
    }
    if (this.waiting.length > 0)
      this.look ??= setTimeout(() => {
        this.look = undefined;
        this.go();
      }, LOOK_MS);
  }
}
