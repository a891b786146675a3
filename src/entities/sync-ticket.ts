import { OptionalProps } from "@mikro-orm/core";
import { Check, Entity, PrimaryKey, Property } from "@mikro-orm/decorators/legacy";
import { instant, minor, nullable, text } from "./columns.ts";

/** Orders reads of one Stripe object: what a later ticket wrote is never overwritten by an earlier one. */
@Entity({ tableName: "sync_tickets" })
@Check({ name: "sync_tickets_order", expression: "applied <= issued" })
export class SyncTicket {
  [OptionalProps]?: "issuedAt";

  @PrimaryKey(text())
  objectId!: string;

  @Property(minor())
  issued!: number;

  @Property(minor())
  applied: number = 0;

  /** When the latest ticket was given out, on the database's clock. */
  @Property({ ...instant(), defaultRaw: "now()" })
  issuedAt!: Date;

  /** When the read that was applied last began, on the database's clock: what happened before, it has seen. */
  @Property(instant(nullable))
  readAt?: Date | null;
}
