import type { EntityManager } from "@mikro-orm/postgresql";
import type { Clock } from "../clock.ts";
import type { Metrics } from "../metrics.ts";

type Row = Record<keyof typeof GAUGES, string | null>;

/** What waits to be sent, read from its rows whenever somebody asks: each replica tells of all. */
export function watchOutbox(metrics: Metrics, em: EntityManager, clock: Clock): void {
  metrics.watchAll(GAUGES, async () => {
    const [row] = await em.fork().execute<[Row]>(
      `select count(*) as unsent, extract(epoch from ?::timestamptz - min(occurred_at)) as oldest,
              max(attempts) as attempts
         from outbox where sent_at is null`,
      [clock.now()],
    );
    const figure = (key: keyof Row) => [{ value: Number(row[key] ?? 0) }];
    return { unsent: figure("unsent"), oldest: figure("oldest"), attempts: figure("attempts") };
  });
}

const GAUGES = {
  unsent: { name: "outbox_unsent_events", help: "Events that are not sent yet" },
  oldest: { name: "outbox_oldest_unsent_seconds", help: "Age of the oldest event that is not sent yet" },
  attempts: {
    name: "outbox_unsent_most_attempts",
    help: "Attempts made so far to send the event that has had the most and is not sent yet",
  },
};
