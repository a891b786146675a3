import type Stripe from "stripe";
import { Dispute, standingOf } from "../entities/dispute.ts";
import { Refund, refundCounts } from "../entities/refund.ts";
import { type EventType, eventId } from "../events/event-types.ts";
import { REFUNDED_ACCESS } from "../stripe/metadata.ts";
import type { RefundedAccess } from "../types/enums.ts";
import { type Change, mirrorAll } from "./mirror.ts";
import { currencyOf, idOf, instantOf } from "./values.ts";
import type { Write } from "./write.ts";

/** What Stripe says about money of a payment that goes, or may go, back. */
export interface RemoteMoneyBack {
  refunds: Stripe.Refund[];
  disputes: Stripe.Dispute[];
}

/** The same as rows, from which the payment's own standing is derived. */
export interface MoneyBack {
  refunds: Change<Refund>[];
  disputes: Change<Dispute>[];
}

/** Writes the refunds and disputes of a payment: a row each, unique on Stripe's ids. */
export async function writeMoneyBack(
  remote: RemoteMoneyBack,
  stripePaymentIntentId: string,
  { tx, userId, audit }: Write,
): Promise<MoneyBack> {
  const owned = { userId, stripePaymentIntentId };
  const refunds = remote.refunds.map((refund) => ({ ...owned, ...refundColumns(refund) }));
  const disputes = remote.disputes.map((dispute) => ({ ...owned, ...disputeColumns(dispute) }));
  const written = {
    refunds: await mirrorAll(tx, Refund, "stripeRefundId", refunds),
    disputes: await mirrorAll(tx, Dispute, "stripeDisputeId", disputes),
  };
  for (const change of written.refunds) audit("refunds", change.row.id, change);
  for (const change of written.disputes) audit("disputes", change.row.id, change);
  return written;
}

function refundColumns(refund: Stripe.Refund) {
  return {
    stripeRefundId: refund.id,
    stripeChargeId: idOf(refund.charge) ?? "",
    amountMinor: refund.amount,
    currency: currencyOf(refund.currency),
    status: refund.status ?? "pending",
    reason: refund.reason ?? null,
    failureReason: refund.failure_reason ?? null,
    access: accessOf(refund),
    stripeCreatedAt: instantOf(refund.created) as Date,
  };
}

/** As whoever made it had it written there; any other word is nobody's. */
function accessOf({ metadata }: Stripe.Refund): RefundedAccess | null {
  const word = metadata?.[REFUNDED_ACCESS];
  return word === "KEEP" || word === "REVOKE" ? word : null;
}

function disputeColumns(dispute: Stripe.Dispute) {
  return {
    stripeDisputeId: dispute.id,
    stripeChargeId: idOf(dispute.charge) ?? "",
    amountMinor: dispute.amount,
    currency: currencyOf(dispute.currency),
    status: dispute.status as string,
    reason: dispute.reason,
    evidenceDueAt: instantOf(dispute.evidence_details.due_by),
    stripeCreatedAt: instantOf(dispute.created) as Date,
  };
}

/** What each of its events says of the payment. */
interface About {
  paymentId: string;
  subscriptionId: string | null;
  purchaseId: string | null;
}

/**
 * The facts that are new: a refund was made, it failed; a dispute was opened, it was decided. A state that was never
 * seen tells of those before it: what is lost when first seen was opened before.
 */
export function announceMoneyBack({ refunds, disputes }: MoneyBack, about: About, { emit }: Write): void {
  const tell = (type: EventType, fact: string[], data: object) =>
    emit({ id: eventId(type, ...fact), type, data: { ...about, ...data } });
  for (const { row, before } of refunds) {
    const { id: refundId, stripeRefundId: fact, amountMinor, currency } = row;
    const data = { refundId, amountMinor, currency };
    if (before === null) tell("payment.refunded", [fact], { ...data, reason: row.reason ?? null });
    const counted = before === null || refundCounts(before.status ?? row.status);
    if (counted && !row.counts)
      tell("payment.refund_failed", [fact], { ...data, failureReason: row.failureReason ?? null });
  }
  for (const { row, before } of disputes) {
    const { id: disputeId, stripeDisputeId: fact, amountMinor, currency, reason, standing } = row;
    const data = { disputeId, amountMinor, currency, reason };
    const known = before === null ? "NONE" : standingOf(before.status ?? row.status);
    if (known === "NONE" && standing !== "NONE") tell("payment.disputed", [fact], data);
    if (known !== standing && (standing === "WON" || standing === "LOST"))
      tell("payment.dispute_closed", [fact, standing], { ...data, outcome: standing });
  }
}
