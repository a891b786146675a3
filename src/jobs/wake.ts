import type { EntityManager } from "@mikro-orm/postgresql";
import { prepared } from "../prepared.ts";

/** The kinds of work that rows wait for. A job only wakes it; the rows are the truth about what is to be done. */
export const TASKS = ["inbox", "outbox", "intent", "cursor"] as const;
export type Task = (typeof TASKS)[number];

const TRIES = 5;
const ADD_JOB = `
  select id from graphile_worker.add_job($1, json_build_object('subject', $2::text),
    run_at := now() + $3 * interval '1 second', max_attempts := 1, job_key := $4)`;

/** The keys of what wakes one's work: a later wake-up must not put off one for now, so it has a key of its own. */
export const wakesOf = (task: Task, subject: string): readonly [soon: string, later: string] => [
  `${task}:${subject}`,
  `${task}:${subject}:later`,
];

/**
 * Wakes work in the same transaction as the rows that it is about. Wake-ups for the same moment that have not
 * started yet are one.
 * @param subject what is to be looked at: `<aggregate>:<object id>`, a user id, an intent's id or a cursor's name
 */
export async function wake(tx: EntityManager, task: Task, subject: string, delaySeconds = 0): Promise<void> {
  const [soon, later] = wakesOf(task, subject);
  const key = delaySeconds > 0 ? later : soon;
  for (let tried = 0; tried < TRIES; tried++) {
    const [job] = await prepared<{ id: string | null }>(tx, ADD_JOB, [task, subject, delaySeconds, key]);
    // add_job adds nothing when the job of this key is taken by a worker just then; now it is seen as taken
    if (job?.id) return;
  }
}
