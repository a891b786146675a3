import type { EntityManager } from "@mikro-orm/postgresql";

/** The kinds of work that rows wait for. A job only wakes it; the rows are the truth about what is to be done. */
export const TASKS = ["inbox", "outbox", "intent"] as const;
export type Task = (typeof TASKS)[number];

/**
 * Wakes work in the same transaction as the rows that it is about. Wake-ups of the same key that have not
 * started yet are one.
 * @param subject what is to be looked at: `<aggregate>:<object id>`, a user id or an intent's id
 */
export async function wake(tx: EntityManager, task: Task, subject: string, delaySeconds = 0): Promise<void> {
  await tx.execute(
    `select graphile_worker.add_job(?, json_build_object('subject', ?::text),
       run_at := now() + ? * interval '1 second', max_attempts := 1, job_key := ?)`,
    [task, subject, delaySeconds, `${task}:${subject}`],
  );
}
