import { Entity, Index, PrimaryKey, Property, Trigger } from "@mikro-orm/decorators/legacy";
import { v7 } from "uuid";
import { instant, json, nullable, text, uuid } from "./columns.ts";

/**
 * Who did what to which row, why, and because of which event. Append-only: a trigger refuses anything else, but for the one
 * transaction that takes an anonymised user out of it (`src/sync/severing.ts`).
 */
@Entity({ tableName: "audit_log" })
@Trigger({
  name: "append_only",
  timing: "before",
  events: ["update", "delete"],
  forEach: "statement",
  body: `if current_setting('payment.severing', true) = 'on' and tg_op = 'UPDATE' then return null; end if; raise exception 'audit_log is append-only'`,
})
@Index({ name: "audit_log_by_row", properties: ["tableName", "rowId", "at"] })
@Index({ name: "audit_log_by_user", properties: ["userId", "at", "id"] })
export class AuditEntry {
  @PrimaryKey(uuid())
  id: string = v7();

  @Property(instant())
  at!: Date;

  /** `user:<id>`, `admin:<id>`, `service:<id>`, or `stripe` for what arrived by sync; `service:payment` for what we decided ourselves. */
  @Property(text())
  actor!: string;

  @Property(text())
  action!: string;

  @Property(text())
  tableName!: string;

  @Property(text())
  rowId!: string;

  @Property(text(nullable))
  userId?: string | null;

  @Property(json(nullable))
  before?: Record<string, unknown> | null;

  @Property(json(nullable))
  after?: Record<string, unknown> | null;

  @Property(text(nullable))
  reason?: string | null;

  /** The Stripe event that set it off, when one did. */
  @Property(text(nullable))
  causedBy?: string | null;
}
