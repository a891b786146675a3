import type { EntityManager } from "@mikro-orm/postgresql";
import type { Logger } from "../logger.ts";
import { isConnectionFailure, type Outage } from "../outage.ts";
import { type Task, wake } from "./wake.ts";
import { unlockDeadWorkers, type Workers } from "./worker.ts";

const EVERY_MS = 10_000;
const LIMIT = 500;

/**
 * Wakes what is overdue: rows whose job was lost with the process that ran it. Runs at start and every ten
 * seconds, so that after a crash the work goes on within a minute.
 */
export class Sweep {
  private timer: NodeJS.Timeout | undefined;
  private isStopping = false;
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly em: EntityManager,
    private readonly workers: Workers,
    private readonly logger: Logger,
    private readonly outage: Outage,
  ) {}

  /** The first at once, each later one so long after the one before has ended. */
  start(everyMs = EVERY_MS): void {
    this.running = this.once().then(
      () => this.outage.ended(),
      (error: unknown) => {
        if (isConnectionFailure(error)) this.outage.failed(error);
        else this.logger.warn({ err: error }, "the sweep failed");
      },
    );
    void this.running.then(() => {
      if (!this.isStopping) this.timer = setTimeout(() => this.start(everyMs), everyMs);
    });
  }

  async stop(): Promise<void> {
    this.isStopping = true;
    clearTimeout(this.timer);
    await this.running;
  }

  /** Wakes everything that is overdue now, and returns how much that was. */
  async once(): Promise<number> {
    const em = this.em.fork();
    await unlockDeadWorkers(em);
    const { inbox, relay, intents, rounds } = this.workers;
    const overdue: [Task, string[]][] = [
      ["inbox", await inbox.overdue(LIMIT)],
      ["outbox", await relay.overdue(LIMIT)],
      ["intent", await intents.overdue(LIMIT)],
      ["cursor", await rounds.due()],
    ];
    let woken = 0;
    for (const [task, subjects] of overdue)
      for (const subject of subjects) {
        await wake(em, task, subject);
        woken += 1;
      }
    return woken;
  }
}
