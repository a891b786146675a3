import { Check, Entity, Index, PrimaryKey, Property, Unique } from "@mikro-orm/decorators/legacy";
import { v7 } from "uuid";
import { flag, instant, integer, isOneOf, json, nullable, text, uuid } from "./columns.ts";

/** One comparison of our rows with Stripe. */
@Entity({ tableName: "reconciliation_reports" })
@Index({
  name: "reconciliation_reports_finished",
  expression:
    "create index reconciliation_reports_finished on reconciliation_reports (started_at desc) where finished_at is not null",
})
export class ReconciliationReport {
  @PrimaryKey(uuid())
  id: string = v7();

  /** `operator:<name>`, or `service:payment` for the nightly one. */
  @Property(text())
  askedBy!: string;

  @Property(flag())
  repairs!: boolean;

  /** What ended or was paid before is not looked at. */
  @Property(instant())
  since!: Date;

  @Property(instant())
  startedAt!: Date;

  @Property(instant(nullable))
  finishedAt?: Date | null;

  @Property(integer())
  users: number = 0;

  /** Users that could not be compared. */
  @Property(integer())
  failedUsers: number = 0;
}

/** One row of ours that does not say what Stripe says. */
@Entity({ tableName: "reconciliation_drift" })
@Unique({ name: "reconciliation_drift_row", properties: ["reportId", "tableName", "rowKey"] })
@Check({ name: "reconciliation_drift_kind", expression: isOneOf("kind", ["missing", "changed", "extra"]) })
@Check({
  name: "reconciliation_drift_state",
  expression: isOneOf("state", ["drift", "in_flight", "repaired"]),
})
export class ReconciliationDrift {
  @PrimaryKey(uuid())
  id: string = v7();

  @Property(uuid())
  reportId!: string;

  @Index({ name: "reconciliation_drift_by_user" })
  @Property(text())
  userId!: string;

  @Property(text())
  tableName!: string;

  /** Stripe's id of the row's object; of a grant what makes it one. */
  @Property(text())
  rowKey!: string;

  @Property(text())
  kind!: "missing" | "changed" | "extra";

  @Property(text())
  state!: "drift" | "in_flight" | "repaired";

  /** Each column that differs: as our row says, and as it should. */
  @Property(json())
  columns!: Record<string, [unknown, unknown]>;
}
