import { Check, Entity, Index, PrimaryKey, Property } from "@mikro-orm/decorators/legacy";
import { instant, nullable, text, uuid } from "./columns.ts";

/** A client's key for a mutation: in progress while `reference` is null, done with a reference to the answer after. */
@Entity({ tableName: "idempotency_keys" })
@Check({ name: "idempotency_keys_key", expression: "length(key) >= 1 and length(key) <= 255" })
export class IdempotencyKey {
  @PrimaryKey(text())
  callerId!: string;

  @PrimaryKey(text())
  key!: string;

  @Property(text())
  operation!: string;

  @Property(text())
  inputHash!: string;

  /** An id from which the answer can be read again; never the answer, which may hold secrets. */
  @Property(text(nullable))
  reference?: string | null;

  /** What the work has begun: whoever comes again while its outcome is unknown carries it through, and answers from it. */
  @Property(uuid(nullable))
  intentId?: string | null;

  @Property(instant(nullable))
  leaseUntil?: Date | null;

  @Index({ name: "idempotency_keys_by_age" })
  @Property(instant())
  createdAt: Date = new Date();
}
