import type { EntityManager } from "@mikro-orm/postgresql";
import type { Clock } from "../clock.ts";
import type { Metrics } from "../metrics.ts";

/** What waits to be sent, read from its rows whenever somebody asks: each replica tells of all. */
export function watchOutbox(metrics: Metrics, em: EntityManager, clock: Clock): void {
  const oldest = {
    name: "outbox_oldest_unsent_seconds",
    help: "Age of the oldest event that is not sent yet",
  };
  const unsent = { name: "outbox_unsent_events", help: "Events that are not sent yet" };
  for (const [gauge, column] of [
    [oldest, "age"],
    [unsent, "n"],
  ] as const)
    metrics.watch({
      ...gauge,
      read: async () => {
        const [row] = await em.fork().execute<{ n: string; age: string | null }[]>(
          `select count(*) as n, extract(epoch from ?::timestamptz - min(occurred_at)) as age
           from outbox where sent_at is null`,
          [clock.now()],
        );
        return [{ value: Number(row?.[column] ?? 0) }];
      },
    });
}
