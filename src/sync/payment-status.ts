import type Stripe from "stripe";
import type { PaymentStatus } from "../types/enums.ts";
import type { MoneyBack } from "./money-back.ts";

const BY_INTENT_STATUS: Record<string, PaymentStatus> = {
  requires_payment_method: "PENDING",
  requires_confirmation: "PENDING",
  requires_action: "REQUIRES_ACTION",
  requires_capture: "PROCESSING",
  processing: "PROCESSING",
  succeeded: "SUCCEEDED",
  canceled: "CANCELED",
};

/**
 * What has gone back of what arrived, or is on its way: refunds that failed or were taken back do not count, nor does
 * what was only reserved and let go.
 */
export function refundedMinor(
  { amount_received }: Received,
  { refunds }: Pick<MoneyBack, "refunds">,
): number {
  const given = refunds.reduce((sum, { row }) => sum + (row.counts ? row.amountMinor : 0), 0);
  return Math.min(given, amount_received);
}

type Received = Pick<Stripe.PaymentIntent, "amount_received">;

/** DISPUTED before REFUNDED before PARTIALLY_REFUNDED before what the intent says. A won dispute restores. */
export function statusOf(
  intent: Received & Pick<Stripe.PaymentIntent, "status" | "last_payment_error">,
  charges: Pick<Stripe.Charge, "status">[],
  back: MoneyBack,
): PaymentStatus {
  if (back.disputes.some(({ row }) => row.counts)) return "DISPUTED";
  const refunded = refundedMinor(intent, back);
  if (refunded > 0) return refunded >= intent.amount_received ? "REFUNDED" : "PARTIALLY_REFUNDED";
  // a bank that asked and was refused leaves no charge, but an error
  const wasTried = charges.at(-1)?.status === "failed" || intent.last_payment_error != null;
  const failed = intent.status === "requires_payment_method" && wasTried;
  return failed ? "FAILED" : (BY_INTENT_STATUS[intent.status] ?? "PENDING");
}
