import type { EntityManager } from "@mikro-orm/postgresql";
import type { Metrics } from "../metrics.ts";

/**
 * What the inbox holds, read from its rows whenever somebody asks for the metrics: each figure of every replica is
 * that of all. Partial indexes answer what waits and what is dead, that by age the rest, of the last hour.
 */
export function watchInbox(metrics: Metrics, em: EntityManager): void {
  metrics.watch({
    name: "inbox_recent_events",
    help: "Events received within the last hour, by where they stand",
    labelNames: ["status"],
    read: async () => {
      const rows = await em.fork().execute<{ status: string; n: string }[]>(
        `select status, count(*) as n from stripe_events
         where received_at > now() - interval '1 hour' group by status`,
      );
      const counts = new Map(rows.map(({ status, n }) => [status, Number(n)]));
      return ["pending", "done", "ignored", "failed"].map((status) => ({
        labels: { status },
        value: counts.get(status) ?? 0,
      }));
    },
  });
  metrics.watch({
    name: "inbox_dead_letters",
    help: "Events that were given up and wait for somebody to replay them",
    read: async () => {
      const [row] = await em
        .fork()
        .execute<{ n: string }[]>("select count(*) as n from stripe_events where status = 'failed'");
      return [{ value: Number(row?.n) }];
    },
  });
  watchPending(metrics, em);
}

function watchPending(metrics: Metrics, em: EntityManager): void {
  const oldest = {
    name: "inbox_oldest_pending_seconds",
    help: "Age of the oldest event that is not done yet",
  };
  const pending = { name: "inbox_pending_events", help: "Events that are not done yet" };
  for (const [gauge, column] of [
    [oldest, "age"],
    [pending, "n"],
  ] as const)
    metrics.watch({
      ...gauge,
      read: async () => {
        const [row] = await em.fork().execute<{ n: string; age: string | null }[]>(
          `select count(*) as n, extract(epoch from now() - min(received_at)) as age
           from stripe_events where status = 'pending'`,
        );
        return [{ value: Number(row?.[column] ?? 0) }];
      },
    });
}
