import type { EntityManager } from "@mikro-orm/postgresql";
import { audit } from "../audit.ts";
import type { Clock } from "../clock.ts";
import { wake } from "../jobs/wake.ts";
import type { ReplayOutcome, Replays } from "../services/webhook-event.service.ts";
import { subjectOf } from "./event-table.ts";

/** Which events are to be worked on again. */
export interface Choice {
  /** Received at or after this moment. */
  since?: Date;
  /** Dead letters only. */
  failedOnly: boolean;
}

interface Row {
  id: string;
  type: string;
  livemode: boolean | null;
  status: string;
  attempts: number;
  last_error: string | null;
  aggregate: string | null;
  object_id: string | null;
  data: unknown;
}

/** Has events worked on again: puts them back to pending, says so in the audit log, and wakes their work. */
export class Replay implements Replays {
  constructor(
    private readonly em: EntityManager,
    private readonly clock: Clock,
    private readonly livemode: boolean,
  ) {}

  /** Ids of the events that were received and are not pending, oldest first. */
  async choose({ since, failedOnly }: Choice): Promise<string[]> {
    const rows = await this.em.fork().execute<{ id: string }[]>(
      `select id from stripe_events
       where ${failedOnly ? "status = 'failed'" : "status <> 'pending'"} and received_at >= ?
       order by received_at, id`,
      [since ?? new Date(0)],
    );
    return rows.map(({ id }) => id);
  }

  /** Those events of the list that exist, by id. What an event is about is looked up anew when it was nothing before. */
  async replay(ids: readonly string[], actor: string): Promise<Map<string, ReplayOutcome>> {
    const outcomes = new Map<string, ReplayOutcome>();
    await this.em.fork().transactional(async (tx) => {
      const rows = await tx.execute<Row[]>(
        `select id, type, livemode, status, attempts, last_error, aggregate, object_id, payload -> 'data' as data
         from stripe_events where id in (select jsonb_array_elements_text(?::jsonb)) order by id for update`,
        [JSON.stringify(ids)],
      );
      for (const row of rows) outcomes.set(row.id, await this.again(tx, row, actor));
    });
    return outcomes;
  }

  private async again(tx: EntityManager, row: Row, actor: string): Promise<ReplayOutcome> {
    const subject = row.livemode === this.livemode ? subjectOf(row.type, row.data) : null;
    const aggregate = row.aggregate ?? subject?.aggregate;
    const objectId = row.object_id ?? subject?.id;
    if (!aggregate || !objectId) return "useless";
    await wake(tx, "inbox", `${aggregate}:${objectId}`);
    if (row.status === "pending") return "pending";
    await tx.execute(
      `update stripe_events set status = 'pending', attempts = 0, next_try_at = now(), lease_until = null,
         processed_at = null, replayed_at = now(), aggregate = ?, object_id = ? where id = ?`,
      [aggregate, objectId, row.id],
    );
    audit(tx, {
      ...{ at: this.clock.now(), actor, action: "replayed", tableName: "stripe_events", rowId: row.id },
      before: { status: row.status, attempts: row.attempts },
      after: { status: "pending", attempts: 0 },
    });
    return "replayed";
  }
}
