import type { EntityManager } from "@mikro-orm/postgresql";
import { v7 } from "uuid";
import type { Metrics } from "../metrics.ts";
import type { Findings } from "./reconciler.ts";

const KEPT = "90 days";

/** A report as it begins. */
export interface NewReport {
  askedBy: string;
  repairs: boolean;
  since: Date;
  startedAt: Date;
}

/** How often a row of a table differed in one way, and what became of it. */
export interface DriftCount {
  table: string;
  kind: string;
  state: "drift" | "in_flight" | "repaired";
  count: number;
}

/** A report as it stands. */
export interface ReportSummary {
  id: string;
  users: number;
  failedUsers: number;
  drift: DriftCount[];
}

/** What comparisons found, kept for 90 days. */
export class Reports {
  constructor(private readonly em: EntityManager) {}

  async begin({ askedBy, repairs, since, startedAt }: NewReport): Promise<string> {
    const id = v7();
    const em = this.em.fork();
    await em.execute(
      `with old as (delete from reconciliation_reports where started_at < ?::timestamptz - interval '${KEPT}' returning id)
       delete from reconciliation_drift where report_id in (select id from old)`,
      [startedAt],
    );
    await em.execute(
      `insert into reconciliation_reports (id, asked_by, repairs, since, started_at) values (?, ?, ?, ?, ?)`,
      [id, askedBy, repairs, since, startedAt],
    );
    return id;
  }

  /** Adds what was found of some users, but of those who are being anonymised; a row that is found twice counts once. */
  async add(id: string, users: number, { findings, failed }: Findings): Promise<void> {
    await this.em.fork().transactional(async (tx) => {
      await tx.execute(
        "update reconciliation_reports set users = users + ?, failed_users = failed_users + ? where id = ?",
        [users, failed.length, id],
      );
      if (findings.length === 0) return;
      await tx.execute(
        `insert into reconciliation_drift (id, report_id, user_id, table_name, row_key, kind, state, columns)
         select id, ?, user_id, table_name, row_key, kind, state, columns from jsonb_to_recordset(?::jsonb)
           as found (id uuid, user_id text, table_name text, row_key text, kind text, state text, columns jsonb)
          where not exists (select from anonymized_users gone where gone.user_id = found.user_id)
         on conflict (report_id, table_name, row_key) do nothing`,
        [
          id,
          JSON.stringify(
            findings.map(({ userId, table, key, kind, state, columns }) => ({
              ...{ id: v7(), user_id: userId, table_name: table, row_key: key, kind, state },
              columns: withoutSecrets(columns),
            })),
          ),
        ],
      );
    });
  }

  async finish(id: string, at: Date): Promise<void> {
    await this.em.fork().execute("update reconciliation_reports set finished_at = ? where id = ?", [at, id]);
  }

  async summary(id: string): Promise<ReportSummary> {
    const em = this.em.fork();
    const [[report], drift] = await Promise.all([
      em.execute<{ users: number; failed_users: number }[]>(
        "select users, failed_users from reconciliation_reports where id = ?",
        [id],
      ),
      em.execute<DriftCount[]>(DRIFT, [id]),
    ]);
    return { id, users: report?.users ?? 0, failedUsers: report?.failed_users ?? 0, drift };
  }

  /** Drift of the latest report that is complete, by class, read whenever somebody asks for the metrics. */
  watch(metrics: Metrics): void {
    metrics.watchAll(GAUGES, async () => {
      const em = this.em.fork();
      const [latest] = await em.execute<{ id: string; finished: number }[]>(
        `select id, extract(epoch from finished_at)::float8 as finished from reconciliation_reports
         where finished_at is not null order by started_at desc limit 1`,
      );
      const rows = latest ? await em.execute<DriftCount[]>(DRIFT, [latest.id]) : [];
      return {
        finished: latest ? [{ value: latest.finished }] : [],
        drift: rows.map(({ count, ...labels }) => ({ labels, value: count })),
      };
    });
  }
}

const GAUGES = {
  finished: {
    name: "reconciliation_finished_at_seconds",
    help: "When the latest comparison with Stripe was complete",
  },
  drift: {
    name: "reconciliation_drift",
    help: "Rows that did not say what Stripe says, in the latest comparison",
    labelNames: ["table", "kind", "state"],
  },
};

const DRIFT = `
  select table_name as "table", kind, state, count(*)::int as count from reconciliation_drift
  where report_id = ? group by table_name, kind, state order by table_name, kind, state`;

/** Addresses at the provider are their owner's alone. */
function withoutSecrets(columns: Record<string, [unknown, unknown]>): Record<string, unknown> {
  const kept = ([name, values]: [string, [unknown, unknown]]) =>
    /(url|secret)$/i.test(name)
      ? [name, values.map((value) => (value == null ? null : "[kept out]"))]
      : [name, values];
  return Object.fromEntries(Object.entries(columns).map(kept));
}
