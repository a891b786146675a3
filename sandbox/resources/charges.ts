import { captureIntent } from "../billing/payments/captures.ts";
import { conclude } from "../billing/payments/conclusions.ts";
import { invalidRequest } from "../errors.ts";
import type { Kinds } from "../kinds.ts";
import { listParams, page } from "../list.ts";
import { metadata, withMetadata } from "../metadata.ts";
import { type Infer, integer, notYet, object, oneOf, required, text, unsettable } from "../params.ts";
import { type Route, route } from "../router.ts";
import type { Transaction } from "../transaction.ts";
import { shipping, shippingOf } from "./shipping.ts";

type Charge = Kinds["charge"];

const filters = { customer: text(), payment_intent: text(), transfer_group: text() };

function listCharges(tx: Transaction, params: Infer<typeof filters & typeof listParams>) {
  const { customer, payment_intent, transfer_group } = params;
  const keep = (charge: Charge) =>
    (!customer || charge.customer === customer) &&
    (!transfer_group || charge.transfer_group === transfer_group);
  const where = payment_intent
    ? { index: "payment_intent" as const, key: payment_intent }
    : customer
      ? { index: "customer" as const, key: customer }
      : undefined;
  return page(tx, { kind: "charge", url: "/v1/charges", where, keep }, params);
}

const updateParams = {
  customer: text(),
  description: text({ max: 40_000 }),
  fraud_details: object({ user_report: required(unsettable(oneOf("fraudulent", "safe"))) }),
  metadata,
  receipt_email: text(),
  shipping,
  transfer_group: text(),
};

function update(tx: Transaction, params: Infer<typeof updateParams>, id: string): Charge {
  const before = tx.need("charge", id);
  const { customer, fraud_details, metadata, shipping, transfer_group, ...plain } = params;
  if (customer) {
    tx.need("customer", customer, "customer");
    if (before.customer) throw notAgain("customer");
  }
  if (transfer_group && before.transfer_group) throw notAgain("transfer_group");
  const report = fraud_details?.user_report;
  const changes = {
    ...plain,
    ...(customer && { customer }),
    ...(fraud_details && { fraud_details: report ? { user_report: report } : {} }),
    metadata: withMetadata(before.metadata, metadata),
    ...(shipping && { shipping: shippingOf(shipping) }),
    ...(transfer_group && { transfer_group }),
  };
  return tx.update("charge", id, changes, "charge.updated");
}

const notAgain = (param: string) =>
  invalidRequest(`This charge already has a ${param}, which cannot be changed.`, { param });

const captureParams = {
  amount: integer({ min: 1 }),
  application_fee: notYet(),
  application_fee_amount: notYet(),
  receipt_email: text(),
  statement_descriptor: text({ max: 22 }),
  statement_descriptor_suffix: text({ max: 22 }),
  transfer_data: notYet(),
  transfer_group: text(),
};

/** Every charge here is a payment intent's: capturing it captures that. */
function capture(tx: Transaction, params: Infer<typeof captureParams>, id: string): Charge {
  const { amount, ...plain } = params;
  const charge = tx.need("charge", id);
  if (charge.captured) {
    const message = `Charge ${id} has already been captured.`;
    throw invalidRequest(message, { code: "charge_already_captured" });
  }
  conclude(tx, captureIntent(tx, tx.need("payment_intent", charge.payment_intent ?? "", "charge"), amount));
  return tx.update("charge", id, plain);
}

export const chargeRoutes: Route[] = [
  route("GET", "/v1/charges", { ...listParams, ...filters }, listCharges),
  route("GET", "/v1/charges/:id", {}, (tx, _params, { id = "" }) => tx.need("charge", id)),
  route("POST", "/v1/charges/:id", updateParams, (tx, params, { id = "" }) => update(tx, params, id)),
  route("POST", "/v1/charges/:id/capture", captureParams, (tx, params, { id = "" }) =>
    capture(tx, params, id),
  ),
];
