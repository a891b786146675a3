/** Something that was started and can be stopped. */
export interface Stoppable {
  stop(): Promise<unknown>;
}

/** The parts in the order they stop in: whoever uses another goes before it. */
const STOP_ORDER = ["app", "sandbox", "redis", "postgres", "folder"] as const;
export type PartName = (typeof STOP_ORDER)[number];

const SLOW_MS = 1_500;

/** What has been started so far. One that is still starting when the end comes is stopped once it has. */
export class RunningParts {
  private readonly parts = new Map<PartName, Promise<Stoppable>>();
  private stopped: Promise<void> | undefined;

  constructor(private readonly log: (line: string) => void) {}

  get isStopping(): boolean {
    return this.stopped !== undefined;
  }

  /** Starts a part, and says so when it takes long. @throws whatever its start throws, or when the end has come. */
  async start<T extends Stoppable>(name: PartName, begin: () => Promise<T>): Promise<T> {
    if (this.isStopping) throw new Error("interrupted");
    const starting = begin();
    this.parts.set(name, starting);
    const slow = setTimeout(() => this.log(`starting ${name} …`), SLOW_MS);
    try {
      return await starting;
    } finally {
      clearTimeout(slow);
    }
  }

  /** Stops everything in order, even when a part fails to; twice is the same as once. */
  stop(): Promise<void> {
    this.stopped ??= this.stopAll();
    return this.stopped;
  }

  private async stopAll(): Promise<void> {
    for (const name of STOP_ORDER) {
      const part = await this.parts.get(name)?.catch(() => undefined); // one that never started
      await part?.stop().catch((error) => this.log(`${name} did not stop well: ${error}`));
    }
  }
}
