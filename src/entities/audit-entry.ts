import { Entity, Index, PrimaryKey, Property, Trigger } from "@mikro-orm/decorators/legacy";
import { v7 } from "uuid";
import { instant, json, nullable, text, uuid } from "./columns.ts";

/** Who did what to which row, why, and because of which event. Append-only: a trigger refuses anything else. */
@Entity({ tableName: "audit_log" })
@Trigger({
  name: "append_only",
  timing: "before",
  events: ["update", "delete"],
  forEach: "statement",
  body: "raise exception 'audit_log is append-only'",
})
@Index({ name: "audit_log_by_row", properties: ["tableName", "rowId", "at"] })
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
