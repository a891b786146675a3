import { Check, Entity, Index, PrimaryKey, Property, Unique } from "@mikro-orm/decorators/legacy";
import { Directive, Field, ID, Int, ObjectType } from "type-graphql";
import { v7 } from "uuid";
import { connectionOf } from "../types/connection.ts";
import { InvoiceStatus } from "../types/enums.ts";
import { MonetaryAmount } from "../types/money.ts";
import { DateTime } from "../types/scalars.ts";
import { instant, integer, isCurrency, isOpaqueId, minor, nullable, text, uuid } from "./columns.ts";

/** Mirror of a Stripe invoice. */
@Entity({ tableName: "invoices" })
@Index({
  name: "invoices_by_user",
  expression: "create index invoices_by_user on invoices (user_id, stripe_created_at desc, id desc)",
})
@Index({ name: "invoices_by_subscription", properties: ["stripeSubscriptionId", "status"] })
@Check({ name: "invoices_user_id", expression: isOpaqueId("user_id") })
@Check({ name: "invoices_currency", expression: isCurrency("currency") })
@ObjectType()
@Directive('@key(fields: "id")')
export class Invoice {
  @Field(() => ID)
  @PrimaryKey(uuid())
  id: string = v7();

  @Property(text())
  userId!: string;

  @Unique({ name: "invoices_stripe_invoice" })
  @Property(text())
  stripeInvoiceId!: string;

  @Property(text(nullable))
  stripeSubscriptionId?: string | null;

  /** The purchase that it is for; null for a subscription's. */
  @Property(uuid(nullable))
  purchaseId?: string | null;

  @Field(() => String, { nullable: true, description: "Human number, e.g. `CMH-0007`; null while a draft." })
  @Property(text(nullable))
  number?: string | null;

  @Field(() => InvoiceStatus)
  @Property(text())
  status!: InvoiceStatus;

  @Property(text())
  currency!: string;

  @Property(minor())
  subtotalMinor!: number;

  @Property(minor())
  taxMinor!: number;

  @Property(minor())
  totalMinor!: number;

  @Property(minor())
  amountPaidMinor!: number;

  @Property(minor())
  amountDueMinor!: number;

  /** By credit notes that stand, before it was paid or after. */
  @Property(minor())
  amountCreditedMinor: number = 0;

  @Field(() => DateTime, { nullable: true })
  @Property(instant(nullable))
  periodStart?: Date | null;

  @Field(() => DateTime, { nullable: true })
  @Property(instant(nullable))
  periodEnd?: Date | null;

  @Field(() => DateTime, { nullable: true })
  @Property(instant(nullable))
  issuedAt?: Date | null;

  @Field(() => DateTime, { nullable: true })
  @Property(instant(nullable))
  paidAt?: Date | null;

  /** When Stripe tries again to collect it; null when it does not. */
  @Property(instant(nullable))
  nextPaymentAttemptAt?: Date | null;

  @Property(instant())
  stripeCreatedAt!: Date;

  @Property(integer())
  version: number = 1;

  /** Whether it is more than a draft: it has a number, a page and a file. */
  get isIssued(): boolean {
    return this.status !== "DRAFT";
  }

  /** What lists are ordered by. */
  get createdAt(): Date {
    return this.stripeCreatedAt;
  }

  @Field(() => MonetaryAmount)
  get subtotal(): MonetaryAmount {
    return new MonetaryAmount(this.subtotalMinor, this.currency);
  }

  @Field(() => MonetaryAmount)
  get tax(): MonetaryAmount {
    return new MonetaryAmount(this.taxMinor, this.currency);
  }

  @Field(() => MonetaryAmount)
  get total(): MonetaryAmount {
    return new MonetaryAmount(this.totalMinor, this.currency);
  }

  @Field(() => MonetaryAmount)
  get amountPaid(): MonetaryAmount {
    return new MonetaryAmount(this.amountPaidMinor, this.currency);
  }

  @Field(() => MonetaryAmount)
  get amountDue(): MonetaryAmount {
    return new MonetaryAmount(this.amountDueMinor, this.currency);
  }

  @Field(() => MonetaryAmount, { description: "What credit notes take back of its total." })
  get amountCredited(): MonetaryAmount {
    return new MonetaryAmount(this.amountCreditedMinor, this.currency);
  }
}

export const InvoiceConnection = connectionOf("Invoice", Invoice);

/** One line of an invoice; its period is what a paid invoice gives access for. */
@Entity({ tableName: "invoice_lines" })
@Index({ name: "invoice_lines_by_subscription", properties: ["stripeSubscriptionId", "periodEnd"] })
@ObjectType()
export class InvoiceLine {
  @PrimaryKey(text())
  stripeLineId!: string;

  @Index({ name: "invoice_lines_by_invoice" })
  @Property(text())
  stripeInvoiceId!: string;

  @Property(text(nullable))
  stripeSubscriptionId?: string | null;

  @Property(integer())
  position!: number;

  @Field()
  @Property(text())
  description!: string;

  @Field(() => Int, { nullable: true })
  @Property(integer(nullable))
  quantity?: number | null;

  @Property(minor())
  amountMinor!: number;

  @Property(text())
  currency!: string;

  @Field(() => DateTime, { nullable: true })
  @Property(instant(nullable))
  periodStart?: Date | null;

  @Field(() => DateTime, { nullable: true })
  @Property(instant(nullable))
  periodEnd?: Date | null;

  @Field(() => MonetaryAmount)
  get amount(): MonetaryAmount {
    return new MonetaryAmount(this.amountMinor, this.currency);
  }
}

/** Mirror of Stripe's link between an invoice and a payment intent. Neither object names the other. */
@Entity({ tableName: "invoice_payments" })
export class InvoicePayment {
  @PrimaryKey(text())
  stripeInvoicePaymentId!: string;

  @Index({ name: "invoice_payments_by_invoice" })
  @Property(text())
  stripeInvoiceId!: string;

  @Index({ name: "invoice_payments_by_payment" })
  @Property(text())
  stripePaymentIntentId!: string;

  @Property(text())
  status!: string;
}
