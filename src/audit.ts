import type { EntityManager } from "@mikro-orm/postgresql";
import { AuditEntry } from "./entities/audit-entry.ts";

/** Who did what to which row, and why; see {@link AuditEntry}. */
export type AuditFacts = Pick<AuditEntry, "at" | "actor" | "action" | "tableName" | "rowId"> &
  Partial<Pick<AuditEntry, "userId" | "reason" | "causedBy">> & {
    before?: object | null;
    after?: object | null;
  };

/** Adds a line to the audit log, within the transaction of what it tells about. The one place that does. */
export function audit(tx: EntityManager, { before = null, after = null, ...facts }: AuditFacts): void {
  tx.persist(
    Object.assign(new AuditEntry(), {
      ...facts,
      before: withoutSecrets(before),
      after: withoutSecrets(after),
    }),
  );
}

/** Secrets and addresses at the provider are their owner's alone: the log says that there was one, not which. */
function withoutSecrets(values: object | null): Record<string, unknown> | null {
  const kept = ([name, value]: [string, unknown]) =>
    value != null && /(url|secret)$/i.test(name) ? [name, "[kept out]"] : [name, value];
  return values && Object.fromEntries(Object.entries(values).map(kept));
}
