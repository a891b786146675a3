import { cancelRefund, createRefund } from "../billing/payments/refunds.ts";
import { invalidParameter, invalidRequest } from "../errors.ts";
import type { Kinds } from "../kinds.ts";
import { listParams, page, under } from "../list.ts";
import { metadata, withMetadata } from "../metadata.ts";
import { type Infer, integer, notYet, oneOf, text } from "../params.ts";
import { type Route, route } from "../router.ts";
import type { Transaction } from "../transaction.ts";

type Refund = Kinds["refund"];

const createParams = {
  amount: integer({ min: 1 }),
  charge: text(),
  currency: notYet(),
  customer: notYet(),
  instructions_email: notYet(),
  metadata,
  origin: notYet(),
  payment_intent: text(),
  reason: oneOf("duplicate", "fraudulent", "requested_by_customer"),
  refund_application_fee: notYet(),
  reverse_transfer: notYet(),
};

/** The charge to refund: the one named, or the one that paid the payment intent. */
function chargeOf(tx: Transaction, { charge, payment_intent }: Infer<typeof createParams>): Kinds["charge"] {
  if (payment_intent) {
    const intent = tx.need("payment_intent", payment_intent, "payment_intent");
    const latest = tx.get("charge", intent.latest_charge ?? "");
    if (!latest?.paid) {
      throw invalidRequest(`This PaymentIntent (${intent.id}) does not have a successful charge to refund.`, {
        param: "payment_intent",
      });
    }
    if (charge && charge !== latest.id)
      throw invalidParameter("charge", `Charge ${charge} does not belong to PaymentIntent ${intent.id}.`);
    return latest;
  }
  if (charge) return tx.need("charge", charge, "charge");
  throw invalidParameter(
    "charge",
    "One of the following params should be provided for this request: payment_intent or charge.",
    "parameter_missing",
  );
}

function create(tx: Transaction, params: Infer<typeof createParams>): Refund {
  const { amount, metadata, reason } = params;
  const charge = chargeOf(tx, params);
  return createRefund(tx, { charge, amount, reason, metadata: withMetadata({}, metadata) });
}

const filters = { charge: text(), payment_intent: text() };

function listRefunds(tx: Transaction, params: Infer<typeof filters & typeof listParams>) {
  const { charge, payment_intent } = params;
  const where = under({ charge, payment_intent });
  const keep = (refund: Refund) => !payment_intent || refund.payment_intent === payment_intent;
  return page(tx, { kind: "refund", url: "/v1/refunds", where, keep }, params);
}

export const refundRoutes: Route[] = [
  route("POST", "/v1/refunds", createParams, create),
  route("GET", "/v1/refunds", { ...listParams, ...filters }, listRefunds),
  route("GET", "/v1/refunds/:id", {}, (tx, _params, { id = "" }) => tx.need("refund", id)),
  route("POST", "/v1/refunds/:id", { metadata }, (tx, params, { id = "" }) => {
    const before = tx.need("refund", id);
    const changes = { metadata: withMetadata(before.metadata ?? {}, params.metadata) };
    return tx.update("refund", id, changes, "refund.updated");
  }),
  route("POST", "/v1/refunds/:id/cancel", {}, (tx, _params, { id = "" }) =>
    cancelRefund(tx, tx.need("refund", id)),
  ),
];
