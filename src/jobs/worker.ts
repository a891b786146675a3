import type { EntityManager } from "@mikro-orm/postgresql";
import { type Runner, run, Logger as WorkerLogger } from "graphile-worker";
import type { Pool } from "pg";
import type { OutboxRelay } from "../events/relay.ts";
import type { Intents } from "../intents/intents.ts";
import type { Logger } from "../logger.ts";
import type { Inbox } from "../webhooks/inbox.ts";
import type { Task } from "./wake.ts";

const CONCURRENCY = 10;

/** Where each kind of work goes. Tasks never throw: rows keep what is still to be done. */
export interface Workers {
  inbox: Inbox;
  relay: OutboxRelay;
  intents: Intents;
}

/** Starts taking jobs. They run where this is called, so a process without a worker serves requests only. */
export function startWorker(pool: Pool, workers: Workers, logger: Logger): Promise<Runner> {
  const tasks: Record<Task, (subject: string) => Promise<unknown>> = {
    inbox: (key) => workers.inbox.work(key),
    outbox: (userId) => workers.relay.send(userId),
    intent: (id) => workers.intents.carryThrough(id),
  };
  const taskList = Object.fromEntries(
    Object.entries(tasks).map(([task, work]) => [
      task,
      async (payload: unknown) => {
        const { subject } = payload as { subject: string };
        await work(subject).catch((error: unknown) =>
          logger.warn({ err: error, task, subject }, "a job failed"),
        );
      },
    ]),
  );
  return run({
    pgPool: pool,
    concurrency: CONCURRENCY,
    noHandleSignals: true,
    taskList,
    logger: workerLogger(logger),
  });
}

function workerLogger(logger: Logger): WorkerLogger {
  return new WorkerLogger(() => (level, message) => {
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
