import { assertChargeable } from "../billing/payments/amounts.ts";
import { methodTypes } from "../billing/payments/intents.ts";
import { invalidRequest } from "../errors.ts";
import type { Kinds } from "../kinds.ts";
import { withMetadata } from "../metadata.ts";
import { next, UNCONFIRMED } from "../states.ts";
import type { Transaction } from "../transaction.ts";
import { assertServes, namedMethod } from "./intent-methods.ts";
import type { UpdateParams } from "./payment-intent-params.ts";
import { shippingOf } from "./shipping.ts";

type PaymentIntent = Kinds["payment_intent"];

/** What can still be changed once money is reserved or has moved. */
const ALWAYS = new Set(["description", "metadata", "receipt_email", "shipping", "transfer_group"]);

/** What an invoice or a Checkout session decides for the intent that pays it. */
const OF_WHAT_IS_PAID = ["amount", "capture_method", "currency", "customer"] as const;

/** Changes a payment before it is made. Another method starts it anew: it waits for confirmation. */
export function updateIntent(tx: Transaction, before: PaymentIntent, params: UpdateParams): PaymentIntent {
  assertUpdatable(before, params);
  assertOwn(tx, before, params);
  const { customer, metadata, payment_method: _, payment_method_data: __, shipping, ...plain } = params;
  if (customer) tx.need("customer", customer, "customer");
  const after = { ...before, ...plain, ...(customer && { customer }) };
  const {
    amount,
    currency,
    allowed_payment_method_types: allowed,
    excluded_payment_method_types: excluded,
  } = after;
  if (params.amount !== undefined || params.currency !== undefined) assertChargeable(amount, currency);
  const isPlain = !(
    params.currency ||
    params.allowed_payment_method_types ||
    params.excluded_payment_method_types
  );
  const payment_method_types = isPlain
    ? before.payment_method_types
    : methodTypes(currency, allowed, excluded);
  const method = namedMethod(tx, params);
  if (method) assertServes(tx, { ...after, payment_method_types }, method);
  return tx.update("payment_intent", before.id, {
    ...after,
    metadata: withMetadata(before.metadata, metadata),
    payment_method_types,
    ...(shipping !== undefined && { shipping: shippingOf(shipping ?? undefined) }),
    ...(method && {
      payment_method: method.id,
      status: next("payment_intent", before.status, "requires_confirmation"),
      next_action: null,
    }),
  });
}

/** Refuses to change what is to be paid, and by whom, where an invoice or a Checkout session says that. */
function assertOwn(tx: Transaction, { id }: PaymentIntent, params: UpdateParams): void {
  const name = OF_WHAT_IS_PAID.find((param) => params[param] !== undefined);
  if (name === undefined) return;
  const owner = tx.find("checkout_details", "payment_intent", id)
    ? "a Checkout Session"
    : tx.find("invoice_payment", "payment_intent", id) && "an Invoice";
  if (!owner) return;
  throw invalidRequest(
    `The ${name} of this PaymentIntent cannot be updated because it was created by ${owner}.`,
    { code: "payment_intent_unexpected_state", param: name },
  );
}

function assertUpdatable({ status }: PaymentIntent, params: UpdateParams): void {
  if (UNCONFIRMED.includes(status)) return;
  const name = Object.keys(params).find((param) => !ALWAYS.has(param));
  if (name === undefined) return;
  throw invalidRequest(
    `This PaymentIntent's ${name} could not be updated because it has a status of ${status}. You may only update the ${name} of a PaymentIntent with one of the following statuses: ${UNCONFIRMED.join(", ")}.`,
    { code: "payment_intent_unexpected_state", param: name },
  );
}
