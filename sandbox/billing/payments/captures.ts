import { invalidRequest } from "../../errors.ts";
import type { Kinds } from "../../kinds.ts";
import { formatMoney } from "../../money.ts";
import { next } from "../../states.ts";
import type { Transaction } from "../../transaction.ts";
import { assertPayable } from "./amounts.ts";
import { captureCharge, releaseCharge } from "./charges.ts";
import { openCardsDispute } from "./disputes.ts";
import { cancelIntent } from "./intents.ts";

type PaymentIntent = Kinds["payment_intent"];
type Charge = Kinds["charge"];

/**
 * Takes the money that was reserved, or a part of it; the rest is released. Throws when nothing is
 * reserved, or not so much. https://docs.stripe.com/payments/place-a-hold-on-a-payment-method
 */
export function captureIntent(
  tx: Transaction,
  intent: PaymentIntent,
  amount = intent.amount_capturable,
): PaymentIntent {
  if (intent.status !== "requires_capture") {
    throw invalidRequest(
      `This PaymentIntent could not be captured because it has a status of ${intent.status}. Only a PaymentIntent with one of the following statuses may be captured: requires_capture.`,
      { code: "payment_intent_unexpected_state" },
    );
  }
  if (amount > intent.amount_capturable) {
    const [asked, held] = [amount, intent.amount_capturable].map((sum) => formatMoney(sum, intent.currency));
    throw invalidRequest(
      `The amount to capture (${asked}) is greater than the amount that can be captured (${held}).`,
      { code: "amount_too_large", param: "amount_to_capture" },
    );
  }
  assertPayable(amount, intent.currency, "amount_to_capture");
  const charge = captureCharge(tx, tx.need("charge", intent.latest_charge ?? "", "charge"), amount);
  const captured = tx.update("payment_intent", intent.id, {
    status: next("payment_intent", intent.status, "succeeded"),
    amount_capturable: 0,
    amount_received: amount,
  });
  tx.emit("payment_intent.succeeded", captured);
  openCardsDispute(tx, charge);
  return captured;
}

/** Nobody has captured the money in time: it is the holder's again. */
export function expireAuthorization(tx: Transaction, charge: Charge): PaymentIntent {
  const intent = tx.need("payment_intent", charge.payment_intent ?? "", "payment_intent");
  tx.emit("charge.expired", releaseCharge(tx, charge));
  return cancelIntent(tx, intent, "automatic");
}
