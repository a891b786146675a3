import { AsyncLocalStorage } from "node:async_hooks";
import { EventEmitter } from "node:events";
import type { EntityManager } from "@mikro-orm/postgresql";
import {
  parseCronItems,
  type Runner,
  run,
  type TaskList,
  type WorkerEvents,
  Logger as WorkerLogger,
} from "graphile-worker";
import type { Pool } from "pg";
import type { OutboxRelay } from "../events/relay.ts";
import type { Intents } from "../intents/intents.ts";
import { Lanes } from "../lanes.ts";
import type { Logger } from "../logger.ts";
import { isConnectionFailure, type Outage } from "../outage.ts";
import { traced } from "../tracing.ts";
import type { Inbox } from "../webhooks/inbox.ts";
import { burstsIn } from "../webhooks/intake.ts";
import type { Retention } from "./retention.ts";
import type { Rounds } from "./rounds.ts";
import type { Task } from "./wake.ts";

/** Most of a job is waiting: for the end of a rush, for Stripe, for a statement that it shares with others. */
const CONCURRENCY = 64;
/** Of all but bursts, which have lanes of their own: none of these may take the connections that requests need. */
const OTHERS = 20;
/** Jobs are fetched, and told to be done, several at a time; what lies here for longer is given back to others. */
const FETCHED = { localQueue: { size: CONCURRENCY, ttl: 30_000 }, completeJobBatchDelay: 0 };
const RESTART_MS = 1_000;

/**
 * Runs a job as nobody's request. What wakes the worker is a message on a connection, and what comes by a connection is
 * heard in the scope in which that was made: a request's, now and then, with its deadline and its ids for ever.
 */
const outsideOfRequests = AsyncLocalStorage.snapshot();

/** Where each kind of work goes. Tasks never throw: rows keep what is still to be done. */
export interface Workers {
  inbox: Inbox;
  relay: OutboxRelay;
  intents: Intents;
  retention: Retention;
  rounds: Rounds;
}

/** What is done by the hour, by one replica of all; an hour that nobody worked in is made good by the next to start. */
const CRON = parseCronItems([
  { task: "retention", match: "17 * * * *", options: { maxAttempts: 1, backfillPeriod: 3_600_000 } },
]);

/**
 * Takes jobs. Where none runs, a process serves requests only. A runner that cannot reach the database is
 * replaced by a new one: graphile-worker remembers a failed first look at its tasks for ever.
 */
export class Worker {
  private isStopping = false;
  private runner: Runner | undefined;
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly pool: () => Promise<Pool>,
    private readonly workers: Workers,
    private readonly logger: Logger,
    private readonly outage: Outage,
  ) {}

  start(): void {
    this.running = this.keepRunning();
  }

  /** Takes no more jobs and waits for those that run. */
  async stop(): Promise<void> {
    this.isStopping = true;
    this.workers.rounds.stop();
    this.workers.retention.stop();
    await this.runner?.stop().catch(() => {});
    await this.running;
  }

  private async keepRunning(): Promise<void> {
    while (!this.isStopping) {
      try {
        await this.runUntilItFails();
      } catch (error) {
        if (isConnectionFailure(error)) this.outage.failed(error);
        else this.logger.warn({ err: error }, "the worker cannot run; trying again");
      }
      if (!this.isStopping) await new Promise((resolve) => setTimeout(resolve, RESTART_MS));
    }
  }

  private async runUntilItFails(): Promise<void> {
    const events: WorkerEvents = new EventEmitter();
    const failed = new Promise<void>((resolve) => events.once("worker:getJob:error", () => resolve()));
    const runner = await run({
      pgPool: await this.pool(),
      concurrency: CONCURRENCY,
      preset: { worker: FETCHED },
      noHandleSignals: true,
      parsedCronItems: CRON,
      taskList: taskList(this.workers, this.logger),
      logger: workerLogger(this.logger),
      events,
    });
    this.runner = runner;
    this.outage.ended();
    if (this.isStopping) return runner.stop();
    await Promise.race([failed, runner.promise]);
    this.runner = undefined;
    await runner.stop().catch(() => {});
  }
}

/** Runs each kind of job where it belongs. A job ends when all of its work has. */
export function taskList(workers: Workers, logger: Logger): TaskList {
  const others = new Lanes(() => OTHERS);
  const tasks: Record<Exclude<Task, "inbox">, (subject: string) => Promise<unknown>> = {
    outbox: (userId) => workers.relay.send(userId),
    intent: (id) => workers.intents.carryThrough(id),
    cursor: (name) => workers.rounds.run(name),
  };
  const calmly = async (task: Task, subjects: string[], work: () => Promise<unknown>) => {
    await outsideOfRequests(work).catch((error: unknown) =>
      logger.warn({ err: error, task, subjects }, "a job failed"),
    );
  };
  const woken = Object.fromEntries(
    Object.entries(tasks).map(([task, work]) => [
      task,
      ({ subject }: { subject: string }) =>
        // what is sent goes on with the trace of each row
        others.run(() =>
          calmly(task as Task, [subject], () =>
            task === "outbox" ? work(subject) : traced(`job ${task}`, { parent: null }, () => work(subject)),
          ),
        ),
    ]),
  );
  const inbox = async (payload: unknown) => {
    // a job that stored events names what they are about, one that tries again its one object
    const bursts = burstsIn(Array.isArray(payload) ? payload : [(payload as { subject: string }).subject]);
    // the job ends when all have: one that fails leaves none of the others behind
    await Promise.all(
      bursts.map(({ group, keys }) => calmly("inbox", keys, () => workers.inbox.workAll(keys, group))),
    );
  };
  return { ...woken, inbox, retention: () => outsideOfRequests(() => retain(workers.retention, logger)) };
}

async function retain(retention: Retention, logger: Logger): Promise<void> {
  try {
    logger.info({ trimmed: await retention.trim() }, "what is no longer needed was let go of");
  } catch (error) {
    logger.warn({ err: error }, "retention failed; the next hour goes on");
  }
}

function workerLogger(logger: Logger): WorkerLogger {
  return new WorkerLogger(() => (level, message) => {
    // it tells of each restart of a connection as an error; what cannot be mended shows in readiness
    if (level === "error") logger.error(message);
    else if (level === "warning") logger.warn(message);
  });
}

/** A job that began this long ago belongs to a process that is gone: none takes longer. */
const DEAD_AFTER = "2 minutes";

/** Frees the jobs of workers that died, which graphile-worker itself would keep locked for four hours. */
export async function unlockDeadWorkers(em: EntityManager): Promise<void> {
  await em.execute(
    `select graphile_worker.force_unlock_workers(array_agg(distinct locked_by))
     from graphile_worker.jobs where locked_at < now() - interval '${DEAD_AFTER}' having count(*) > 0`,
  );
}
