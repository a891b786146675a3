import { Charge } from "../entities/charge.ts";
import { Dispute } from "../entities/dispute.ts";
import { Invoice, InvoiceLine, InvoicePayment } from "../entities/invoice.ts";
import { Payment } from "../entities/payment.ts";
import { Refund } from "../entities/refund.ts";
import { Subscription } from "../entities/subscription.ts";
import { holderIsGone } from "../services/subscription-slots.ts";
import type { UserAggregate } from "./sync.ts";
import type { Write } from "./write.ts";

/**
 * Takes the rows of an object away that Stripe does not have. Never done by a sync alone, since a key of another
 * account would look the same: only by reconciliation, for a customer that Stripe has. But for a draft, see `invoiceIsGone`.
 */
export async function forget({ tx, userId }: Write, aggregate: UserAggregate, id: string): Promise<void> {
  switch (aggregate) {
    case "customer":
      return; // one that Stripe does not have is as good as deleted, and its row says so
    case "subscription":
      await tx.nativeDelete(Subscription, { stripeSubscriptionId: id });
      return holderIsGone(tx, userId, id);
    case "invoice":
      for (const rows of [InvoiceLine, InvoicePayment, Invoice] as const)
        await tx.nativeDelete(rows as typeof Invoice, { stripeInvoiceId: id });
      return;
    case "payment_intent":
      for (const rows of [Charge, Refund, Dispute, InvoicePayment, Payment] as const)
        await tx.nativeDelete(rows as typeof Payment, { stripePaymentIntentId: id });
  }
}
