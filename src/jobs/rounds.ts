import type { Cursors } from "./cursors.ts";

/** Something that is done again and again, under the name of its cursor. */
export interface Round {
  /** Makes its cursor at the first start of all. */
  begin?(): Promise<void>;
  /** Does what is due, unless somebody else does. */
  run(): Promise<unknown>;
}

/** What the service does by itself from time to time. The rows of `cursors` say what is due; jobs only wake it. */
export class Rounds {
  constructor(
    private readonly cursors: Cursors,
    private readonly rounds: Record<string, Round>,
  ) {}

  /** Names of those that are due, for the sweep. */
  async due(): Promise<string[]> {
    for (const round of Object.values(this.rounds)) await round.begin?.();
    return (await this.cursors.due()).filter((name) => name in this.rounds);
  }

  /** What runs comes to an end soon, and goes on where it stopped in another process. */
  stop(): void {
    this.cursors.stop();
  }

  async run(name: string): Promise<void> {
    await this.rounds[name]?.run();
  }
}
