import type { EntityManager } from "@mikro-orm/postgresql";
import type { Metrics } from "../metrics.ts";

const STATUSES = ["pending", "done", "ignored", "failed"] as const;

type Status = (typeof STATUSES)[number];
type Row = Record<"pending" | "oldest" | "attempts" | "dead", string | null> & {
  recent: Partial<Record<Status, number>> | null;
  lags: number[] | null;
};

/**
 * What the inbox holds, read from its rows whenever somebody asks for the metrics, in one statement: each figure of
 * every replica is that of all. Partial indexes answer what waits and what is dead, that by age the rest, of the last hour.
 */
export function watchInbox(metrics: Metrics, em: EntityManager): void {
  metrics.watchAll(GAUGES, async () => {
    const [row] = await em.fork().execute<[Row]>(INBOX);
    const figure = (value: string | null) => [{ value: Number(value ?? 0) }];
    return {
      recent: STATUSES.map((status) => ({ labels: { status }, value: row.recent?.[status] ?? 0 })),
      dead: figure(row.dead),
      pending: figure(row.pending),
      oldest: figure(row.oldest),
      attempts: figure(row.attempts),
      lag: (row.lags ?? []).map((value, at) => ({ labels: { quantile: at === 0 ? "0.5" : "0.99" }, value })),
    };
  });
}

const GAUGES = {
  recent: {
    name: "inbox_recent_events",
    help: "Events received within the last hour, by where they stand",
    labelNames: ["status"],
  },
  dead: {
    name: "inbox_dead_letters",
    help: "Events that were given up and wait for somebody to replay them",
  },
  pending: { name: "inbox_pending_events", help: "Events that are not done yet" },
  oldest: { name: "inbox_oldest_pending_seconds", help: "Age of the oldest event that is not done yet" },
  attempts: {
    name: "inbox_pending_most_attempts",
    help: "Attempts made so far on the event that has had the most and is not done yet",
  },
  // from the answer that Stripe got to the rows
  lag: {
    name: "inbox_recent_lag_seconds",
    help: "From an event's arrival to the end of its work, within the last five minutes",
    labelNames: ["quantile"],
  },
};

const INBOX = `
  select pending.*, dead.*, recent.*, lag.* from
    (select count(*) as pending, extract(epoch from now() - min(received_at)) as oldest, max(attempts) as attempts
       from stripe_events where status = 'pending') as pending,
    (select count(*) as dead from stripe_events where status = 'failed') as dead,
    (select json_object_agg(status, n) as recent from (
       select status, count(*) as n from stripe_events
        where received_at > now() - interval '1 hour' group by status) as counted) as recent,
    (select percentile_cont(array[0.5, 0.99]) within group (
         order by extract(epoch from processed_at - received_at))::float8[] as lags
       from stripe_events where received_at > now() - interval '5 minutes' and status = 'done') as lag`;
