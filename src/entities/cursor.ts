import { Entity, Index, PrimaryKey, Property } from "@mikro-orm/decorators/legacy";
import { instant, json, nullable, text, uuid } from "./columns.ts";

/** How far something has come that the service does by itself from time to time, and who does it now. */
@Entity({ tableName: "cursors" })
@Index({ name: "cursors_due", properties: ["nextRunAt"] })
export class Cursor {
  @PrimaryKey(text())
  name!: string;

  /** What is needed to go on from here. */
  @Property(json())
  state!: object;

  /** On the database's clock, like the lease; `infinity` when there is nothing to do. */
  @Property(instant())
  nextRunAt!: Date;

  @Property(instant(nullable))
  leaseUntil?: Date | null;

  /** Tells whoever has the lease from whoever lost it. */
  @Property(uuid(nullable))
  leasedBy?: string | null;
}
