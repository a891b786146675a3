import { renewCard } from "../billing/customers/method-changes.ts";
import { answerPayment, answerSetup, decidePayment } from "../billing/payments/conclusions.ts";
import { closeDispute, openDispute } from "../billing/payments/disputes.ts";
import { askForDetails, completeRefund, failRefund } from "../billing/payments/refunds.ts";
import { flag, integer, oneOf, required, text } from "../params.ts";
import { action, type ControlRoute } from "./route.ts";

const outcome = { outcome: required(oneOf("succeed", "fail")) };
const verdict = { outcome: required(oneOf("won", "lost")) };
const arrival = { status: required(oneOf("succeeded", "failed", "requires_action")), reason: text() };
const renewal = { exp_month: integer(), exp_year: integer(), last4: text() };

/** What banks, networks and holders decide, decided on demand. */
export const paymentPaths: ControlRoute[] = [
  action("payment_intents/:id/authenticate", outcome, (tx, id, { outcome }) =>
    answerPayment(tx, tx.need("payment_intent", id), outcome),
  ),
  action("payment_intents/:id/settle", outcome, (tx, id, { outcome }) =>
    decidePayment(tx, tx.need("payment_intent", id), outcome),
  ),
  action("setup_intents/:id/authenticate", outcome, (tx, id, { outcome }) =>
    answerSetup(tx, tx.need("setup_intent", id), outcome),
  ),
  action("disputes/:id/close", verdict, (tx, id, { outcome }) =>
    closeDispute(tx, tx.need("dispute", id), outcome),
  ),
  action(
    "charges/:id/dispute",
    { reason: text(), inquiry: flag },
    (tx, id, { reason = "fraudulent", inquiry: isInquiry = false }) =>
      openDispute(tx, tx.need("charge", id), { reason, isInquiry }),
  ),
  action("refunds/:id", arrival, (tx, id, { status, reason }) => {
    const refund = tx.need("refund", id);
    if (status === "requires_action") return askForDetails(tx, refund);
    return status === "succeeded" ? completeRefund(tx, refund) : failRefund(tx, refund, reason);
  }),
  action("payment_methods/:id/update", renewal, (tx, id, { exp_month, exp_year, last4 }) =>
    renewCard(tx, tx.need("payment_method", id), { exp_month, exp_year, last4 }),
  ),
];
