import { AsyncLocalStorage } from "node:async_hooks";

/** How much may be under way is asked again this often, while some waits. */
const LOOK_MS = 100;

/** Lets so much work be under way at once, in the order in which it came. */
export class Lanes {
  private readonly waiting: (() => Promise<unknown>)[] = [];
  private underWay = 0;
  private look: NodeJS.Timeout | undefined;

  /** @param most how much it is now */
  constructor(private readonly most: () => number) {}

  /** What `work` gives, in the scope (deadline, log, trace) of whoever asked for it. */
  run<T>(work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.waiting.push(AsyncLocalStorage.bind(() => work().then(resolve, reject)));
      this.go();
    });
  }

  /** Whether work would begin at once. */
  hasRoom(): boolean {
    return this.waiting.length === 0 && this.underWay < this.most();
  }

  private go(): void {
    while (this.underWay < this.most()) {
      const next = this.waiting.shift();
      if (!next) return;
      this.underWay += 1;
      void next().finally(() => {
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
