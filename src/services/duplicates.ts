import { AuditEntry } from "../entities/audit-entry.ts";
import { Intent } from "../entities/intent.ts";
import type { Payment } from "../entities/payment.ts";
import { refundCounts } from "../entities/refund.ts";
import type { Subscription } from "../entities/subscription.ts";
import { flush } from "../flush.ts";
import type { IntentKindName } from "../intents/kinds.ts";
import { openIntent } from "../intents/open-intent.ts";
import { wake } from "../jobs/wake.ts";
import type { Logger } from "../logger.ts";
import type { Metrics } from "../metrics.ts";
import type { Write } from "../sync/write.ts";

const CANCEL = "cancel-duplicate-subscription";
const REFUND = "refund-duplicate";
/** A refund that the bank sends back is made anew so many times in all; then somebody has to find another way. */
const REFUNDS = 3;

/**
 * A second live subscription of one user. The first keeps the slot. A second that we made (two pages paid at once)
 * is cancelled at Stripe and what it took goes back; one made elsewhere is somebody's decision, so it is reported
 * and left alone. Each is told once: in the log, in the metrics and in the audit log.
 */
export class Duplicates {
  constructor(
    private readonly logger: Logger,
    private readonly metrics: Metrics,
  ) {}

  /** Within the sync of a live subscription. @param holder the subscription that holds the user's slot */
  async followSubscription(write: Write, row: Subscription, holder: string, isOurs: boolean): Promise<void> {
    const duplicateOf = holder === row.stripeSubscriptionId ? null : holder;
    const isNews = (row.duplicateOf ?? null) !== duplicateOf;
    if (isNews) row.duplicateOf = duplicateOf;
    if (duplicateOf === null) return;
    // one that Stripe refused to cancel is tried again whenever it is looked at
    if (isOurs) await this.change(write, CANCEL, row.stripeSubscriptionId, {});
    if (!isNews) return;
    const found = { userId: write.userId, subscriptionId: row.id, isOurs };
    write.remark(
      "subscriptions",
      row.id,
      isOurs ? "cancel-duplicate" : "report-duplicate",
      REASONS[`${isOurs}`],
    );
    write.afterCommit(() => {
      this.logger.warn(found, "a user has a second live subscription");
      this.metrics.duplicates.inc({ origin: isOurs ? "ours" : "elsewhere" });
    });
  }

  /** Whatever a cancelled duplicate took goes back, also what arrives after its end, or what a bank did not take. */
  async giveBack(write: Write, row: Subscription): Promise<void> {
    const { tx, userId } = write;
    const subject = row.stripeSubscriptionId;
    if (!row.duplicateOf || !(await tx.findOne(Intent, { userId, kind: CANCEL, subject }))) return;
    await flush(tx);
    const taken = await tx.execute<{ id: string; payment: string }[]>(TAKEN, [subject]);
    for (const { id, payment } of taken) await this.giveBackPayment(write, { id, payment }, REASONS.true);
  }

  /** What was paid for a purchase that opened nothing when the money came goes back. */
  async giveBackPurchase(write: Write, payment: Payment): Promise<void> {
    if (payment.refundableMinor === 0) return;
    const { id, stripePaymentIntentId } = payment;
    await this.giveBackPayment(write, { id, payment: stripePaymentIntentId }, OPENED_NOTHING);
  }

  /** Whether it is ours to see to it that the money arrives: a refund that a bank sends back is made anew. */
  async isGivingBack(write: Write, { stripePaymentIntentId }: Payment): Promise<boolean> {
    return (await refundsOf(write, stripePaymentIntentId)).length > 0;
  }

  private async giveBackPayment(
    write: Write,
    { id, payment }: { id: string; payment: string },
    reason: string,
  ): Promise<void> {
    const made = await refundsOf(write, payment);
    if (made.some(({ status }) => status === null || refundCounts(status))) return;
    if (made.length < REFUNDS) await this.refund(write, { id, payment }, made.length, reason);
    else await this.giveUp(write, id);
  }

  /** @param failed refunds of this payment that came back */
  private async refund(
    write: Write,
    { id: paymentId, payment }: { id: string; payment: string },
    failed: number,
    reason: string,
  ): Promise<void> {
    const params = { payment_intent: payment, reason: "duplicate" };
    if (!(await this.change(write, REFUND, nthRefund(payment, failed), params))) return;
    write.remark("payments", paymentId, REFUND, failed === 0 ? reason : SENT_BACK);
    if (failed === 0) return;
    write.afterCommit(() => {
      this.logger.warn({ userId: write.userId, paymentId, failed }, "a refund was sent back; making another");
      this.metrics.refundsSentBack.inc({ next: "refunded_again" });
    });
  }

  /** Money that is owed is not forgotten: whoever looks after the service is told, once. */
  private async giveUp({ tx, userId, remark, afterCommit }: Write, paymentId: string): Promise<void> {
    if (await tx.findOne(AuditEntry, { tableName: "payments", rowId: paymentId, action: OWED })) return;
    remark("payments", paymentId, OWED, NO_WAY);
    afterCommit(() => {
      this.logger.error({ userId, paymentId }, "money is owed that no refund brings back");
      this.metrics.refundsSentBack.inc({ next: "owed" });
    });
  }

  /** Opens the intent, once for its subject, and wakes it. Returns whether it is new. */
  private async change(
    { tx, userId, now }: Write,
    kind: IntentKindName,
    subject: string,
    params: Record<string, unknown>,
  ): Promise<boolean> {
    const state = { $in: ["PENDING", "SUCCEEDED"] as const };
    if (await tx.findOne(Intent, { userId, kind, subject, state })) return false;
    const intent = await openIntent(tx, { userId, kind, subject, params }, now);
    await wake(tx, "intent", intent.id);
    return true;
  }
}

const REASONS = {
  true: "The user had a live subscription when this one, made by us, became live: it ends now and its money goes back.",
  false:
    "The user had a live subscription when this one, not made by us, became live: somebody has to decide.",
};

const OPENED_NOTHING =
  "What it was for opened nothing when this payment came (the user had it already, or the account was closed): it goes back.";
const OWED = "refund-owed";
const SENT_BACK = "What was given back for a duplicate did not arrive: it is given back again.";
const NO_WAY = `What was given back for a duplicate came back ${REFUNDS} times: the user is owed it, by another way.`;

/** The first is named as the payment is; each later one is another change at Stripe. */
const nthRefund = (payment: string, failed: number) => (failed === 0 ? payment : `${payment}:${failed + 1}`);

/** What became of our refunds of a payment; null: under way, or not known to our rows yet. */
function refundsOf({ tx, userId }: Write, payment: string): Promise<{ status: string | null }[]> {
  const subjects = Array.from({ length: REFUNDS }, (_, failed) => nthRefund(payment, failed));
  return tx.execute(
    `select refunds.status from intents left join refunds on stripe_refund_id = intents.stripe_id
      where intents.user_id = ? and kind = '${REFUND}' and state in ('PENDING', 'SUCCEEDED')
        and subject in (?, ?, ?)`,
    [userId, ...subjects],
  );
}

/** Payments of a subscription with something left to give back; what is disputed cannot be. */
const TAKEN = `
  select distinct payments.id, stripe_payment_intent_id as payment
    from invoices join invoice_payments using (stripe_invoice_id) join payments using (stripe_payment_intent_id)
   where invoices.stripe_subscription_id = ? and payments.status in ('SUCCEEDED', 'PARTIALLY_REFUNDED')
     and amount_received_minor > amount_refunded_minor`;
