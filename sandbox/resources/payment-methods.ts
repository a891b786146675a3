import { detach, isSpent, spent } from "../billing/customers/method-changes.ts";
import { attach, resolveMethod } from "../billing/customers/payment-methods.ts";
import { invalidParameter, invalidRequest } from "../errors.ts";
import type { Kinds } from "../kinds.ts";
import { listParams, page } from "../list.ts";
import { metadata, withMetadata } from "../metadata.ts";
import { type Infer, integer, notYet, object, required, text } from "../params.ts";
import { type Route, route } from "../router.ts";
import type { Transaction } from "../transaction.ts";
import {
  allowRedisplay,
  assertNotExpired,
  billingDetails,
  createMethod,
  detailsOf,
  methodShape,
} from "./method-params.ts";

type PaymentMethod = Kinds["payment_method"];

/** Copying methods to connected accounts, and what screens cards. */
const unsupported = { customer: notYet(), payment_method: notYet(), radar_options: notYet() };

const updateParams = {
  allow_redisplay: allowRedisplay,
  billing_details: billingDetails,
  card: object({
    exp_month: integer({ min: 1, max: 12 }),
    exp_year: integer({ min: 0 }),
    networks: notYet(),
  }),
  metadata,
  us_bank_account: notYet(),
};

function update(tx: Transaction, params: Infer<typeof updateParams>, id: string): PaymentMethod {
  const before = tx.need("payment_method", id);
  if (!before.customer)
    throw invalidRequest("You must save this PaymentMethod to a customer before you can update it.");
  const { allow_redisplay, billing_details, card } = params;
  if (card) assertUpdatableCard(tx, before, card);
  return tx.update(
    "payment_method",
    id,
    {
      ...(allow_redisplay && { allow_redisplay }),
      ...(card && before.card && { card: { ...before.card, ...card } }),
      billing_details: { ...before.billing_details, ...detailsOf(billing_details) },
      metadata: withMetadata(before.metadata ?? {}, params.metadata),
    },
    "payment_method.updated",
  );
}

/** Only cards have an expiry, and it may only be moved to another that is still to come. */
function assertUpdatableCard(
  tx: Transaction,
  { card, type }: PaymentMethod,
  change: { exp_month?: number; exp_year?: number },
): void {
  if (!card)
    throw invalidParameter("card", `You cannot update card details of a PaymentMethod of type ${type}.`);
  assertNotExpired(tx, change.exp_month ?? card.exp_month, change.exp_year ?? card.exp_year);
}

export const paymentMethodRoutes: Route[] = [
  route("POST", "/v1/payment_methods", { ...methodShape, ...unsupported }, (tx, params) =>
    createMethod(tx, params),
  ),
  route(
    "GET",
    "/v1/payment_methods",
    { ...listParams, allow_redisplay: allowRedisplay, customer: text(), type: text() },
    (tx, params) => {
      const { allow_redisplay, customer, type } = params;
      const keep = (method: PaymentMethod) =>
        (!type || method.type === type) && (!allow_redisplay || method.allow_redisplay === allow_redisplay);
      const where = customer ? { index: "customer" as const, key: customer } : undefined;
      return page(tx, { kind: "payment_method", url: "/v1/payment_methods", where, keep }, params);
    },
  ),
  route("GET", "/v1/payment_methods/:id", {}, (tx, _params, { id = "" }) => tx.need("payment_method", id)),
  route("POST", "/v1/payment_methods/:id", updateParams, (tx, params, { id = "" }) => update(tx, params, id)),
  route(
    "POST",
    "/v1/payment_methods/:id/attach",
    { customer: required(text()), customer_account: notYet() },
    (tx, params, { id = "" }) => {
      tx.need("customer", params.customer, "customer");
      const method = resolveMethod(tx, id, "id");
      if (isSpent(tx, method)) throw spent("payment_method");
      return attach(tx, method, params.customer);
    },
  ),
  route("POST", "/v1/payment_methods/:id/detach", {}, (tx, _params, { id = "" }) => detach(tx, id)),
];
