import { setTimeout as sleep } from "node:timers/promises";
import { DemoFailed } from "./demo-client.ts";

const SETTLE_MS = 10_000;
const POLL_MS = 20;

/** The steps of a story: each is done, and told in a sentence with the time it took. */
export class Steps {
  constructor(private readonly print: (line: string) => void) {}

  /** @throws DemoFailed with the step's name when it does not end as it should */
  async take<T>(name: string, work: () => Promise<[result: T, sentence: string]>): Promise<T> {
    const begun = performance.now();
    try {
      const [result, sentence] = await work();
      this.print(`${`${Math.round(performance.now() - begun)} ms`.padStart(8)}  ${sentence}`);
      return result;
    } catch (error) {
      throw new DemoFailed(
        `The demo failed while ${name}: ${error instanceof Error ? error.message : error}`,
      );
    }
  }
}

/** What follows Stripe's events may come a moment later. @throws DemoFailed with `otherwise` when it never does */
export async function eventually<T>(read: () => Promise<T | undefined>, otherwise: string): Promise<T> {
  for (const end = Date.now() + SETTLE_MS; Date.now() < end; await sleep(POLL_MS)) {
    const found = await read();
    if (found !== undefined) return found;
  }
  throw new DemoFailed(otherwise);
}
