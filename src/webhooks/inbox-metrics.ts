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
  watchLag(metrics, em);
}

/** From the answer that Stripe got to the rows: of what was done within the last five minutes. */
function watchLag(metrics: Metrics, em: EntityManager): void {
  metrics.watch({
    name: "inbox_recent_lag_seconds",
    help: "From an event's arrival to the end of its work, within the last five minutes",
    labelNames: ["quantile"],
    read: async () => {
      const [row] = await em.fork().execute<{ lags: number[] | null }[]>(
        `select percentile_cont(array[0.5, 0.99]) within group (
           order by extract(epoch from processed_at - received_at))::float8[] as lags
         from stripe_events where received_at > now() - interval '5 minutes' and status = 'done'`,
      );
      return (row?.lags ?? []).map((value, at) => ({
        labels: { quantile: at === 0 ? "0.5" : "0.99" },
        value,
      }));
    },
  });
}

function watchPending(metrics: Metrics, em: EntityManager): void {
  const oldest = {
    name: "inbox_oldest_pending_seconds",
    help: "Age of the oldest event that is not done yet",
  };
  const tried = {
    name: "inbox_pending_most_attempts",
    help: "Attempts made so far on the event that has had the most and is not done yet",
  };
  const pending = { name: "inbox_pending_events", help: "Events that are not done yet" };
  for (const [gauge, column] of [
    [oldest, "age"],
    [pending, "n"],
    [tried, "tried"],
  ] as const)
    metrics.watch({
      ...gauge,
      read: async () => {
        const [row] = await em.fork().execute<{ n: string; age: string | null; tried: string | null }[]>(
          `select count(*) as n, extract(epoch from now() - min(received_at)) as age,
                  max(attempts) as tried
           from stripe_events where status = 'pending'`,
        );
        return [{ value: Number(row?.[column] ?? 0) }];
      },
    });
}
