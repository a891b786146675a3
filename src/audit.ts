import type { EntityManager } from "@mikro-orm/postgresql";
import { v7 } from "uuid";
import { AuditEntry } from "./entities/audit-entry.ts";
import type { PlainRows } from "./flush.ts";

/** Who did what to which row, and why; see {@link AuditEntry}. */
export type AuditFacts = Pick<AuditEntry, "at" | "actor" | "action" | "tableName" | "rowId"> &
  Partial<Pick<AuditEntry, "userId" | "reason" | "causedBy">> & {
    before?: object | null;
    after?: object | null;
  };

/** Adds a line to the audit log, within the transaction of what it tells about. This file alone makes such lines. */
export function audit(tx: EntityManager, facts: AuditFacts): void {
  tx.persist(Object.assign(new AuditEntry(), lineOf(facts)));
}

/** Lines for the audit log, as rows that nobody looks at again within the transaction. */
export function auditLines(notes: readonly AuditFacts[]): PlainRows {
  return { entity: AuditEntry, rows: notes.map((facts) => ({ id: v7(), ...lineOf(facts) })) };
}

function lineOf({ before = null, after = null, ...facts }: AuditFacts): Omit<AuditEntry, "id"> {
  return { ...facts, before: withoutSecrets(before), after: withoutSecrets(after) };
}

/** Secrets and addresses at the provider are their owner's alone: the log says that there was one, not which. */
function withoutSecrets(values: object | null): Record<string, unknown> | null {
  const kept = ([name, value]: [string, unknown]) =>
    value != null && /(url|secret)$/i.test(name) ? [name, "[kept out]"] : [name, value];
  return values && Object.fromEntries(Object.entries(values).map(kept));
}
