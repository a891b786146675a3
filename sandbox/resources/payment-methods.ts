import { attach, createCard, resolveMethod } from "../billing/payment-methods.ts";
import { cardByNumber, cardByToken, passesLuhn, type TestCard } from "../cards.ts";
import { ApiError, invalidParameter, invalidRequest, noSuch } from "../errors.ts";
import type { Kinds } from "../kinds.ts";
import { listParams, page } from "../list.ts";
import { metadata, withMetadata } from "../metadata.ts";
import { type Infer, integer, object, oneOf, required, text, unsettable } from "../params.ts";
import { type Route, route } from "../router.ts";
import type { Transaction } from "../transaction.ts";
import { address, addressOf } from "./address.ts";

type PaymentMethod = Kinds["payment_method"];

const billingDetails = object({
  address: unsettable(address),
  email: unsettable(text()),
  name: unsettable(text()),
  phone: unsettable(text()),
  tax_id: text(),
});

const allowRedisplay = oneOf("always", "limited", "unspecified");

const createParams = {
  allow_redisplay: allowRedisplay,
  billing_details: billingDetails,
  card: object({
    cvc: text(),
    exp_month: integer({ min: 1, max: 12 }),
    exp_year: integer({ min: 0 }),
    number: text(),
    token: text(),
  }),
  metadata,
  type: required(oneOf("card")),
};

const updateParams = {
  allow_redisplay: allowRedisplay,
  billing_details: billingDetails,
  card: object({ exp_month: integer({ min: 1, max: 12 }), exp_year: integer({ min: 0 }) }),
  metadata,
};

function cardFrom({ number, token }: { number?: string; token?: string }): TestCard {
  if (token) {
    const card = token.startsWith("tok_") ? cardByToken(token) : undefined;
    if (!card) throw noSuch("token", token, "card[token]");
    return card;
  }
  if (!number)
    throw invalidParameter("card[number]", "Missing required param: card[number].", "parameter_missing");
  if (!passesLuhn(number)) {
    throw new ApiError(402, {
      type: "card_error",
      code: "incorrect_number",
      param: "number",
      message: "Your card number is incorrect.",
    });
  }
  return cardByNumber(number);
}

function details(given: Infer<{ b: typeof billingDetails }>["b"]): Partial<PaymentMethod["billing_details"]> {
  if (!given) return {};
  const { address, ...plain } = given;
  return { ...plain, ...(address !== undefined && { address: address && addressOf(address) }) };
}

function create(tx: Transaction, params: Infer<typeof createParams>): PaymentMethod {
  if (!params.card) throw invalidParameter("card", "Missing required param: card.", "parameter_missing");
  const { exp_month, exp_year } = params.card;
  const method = createCard(tx, {
    card: cardFrom(params.card),
    exp_month,
    exp_year: exp_year !== undefined && exp_year < 100 ? 2000 + exp_year : exp_year,
    billing_details: details(params.billing_details),
    metadata: withMetadata({}, params.metadata),
  });
  return params.allow_redisplay
    ? tx.update("payment_method", method.id, { allow_redisplay: params.allow_redisplay })
    : method;
}

function update(tx: Transaction, params: Infer<typeof updateParams>, id: string): PaymentMethod {
  const before = tx.need("payment_method", id);
  if (!before.customer)
    throw invalidRequest("You must save this PaymentMethod to a customer before you can update it.");
  const { allow_redisplay, billing_details, card } = params;
  return tx.update(
    "payment_method",
    id,
    {
      ...(allow_redisplay && { allow_redisplay }),
      ...(card && before.card && { card: { ...before.card, ...card } }),
      billing_details: { ...before.billing_details, ...details(billing_details) },
      metadata: withMetadata(before.metadata ?? {}, params.metadata),
    },
    "payment_method.updated",
  );
}

/** Takes a method from its customer; nothing can be paid with it any more. */
function detach(tx: Transaction, id: string): PaymentMethod {
  const before = tx.need("payment_method", id);
  const { customer } = before;
  if (!customer) {
    throw invalidRequest(
      "The payment method you provided is not attached to a customer so detachment is impossible.",
      {
        param: "payment_method",
      },
    );
  }
  const owner = tx.get("customer", customer);
  if (owner?.invoice_settings.default_payment_method === id) {
    const invoice_settings = { ...owner.invoice_settings, default_payment_method: null };
    tx.update("customer", customer, { invoice_settings }, "customer.updated");
  }
  for (const subscription of [...tx.newest("subscription", { index: "customer", key: customer })]) {
    if (subscription.default_payment_method !== id) continue;
    tx.update(
      "subscription",
      subscription.id,
      { default_payment_method: null },
      "customer.subscription.updated",
    );
  }
  return tx.update("payment_method", id, { customer: null }, "payment_method.detached");
}

export const paymentMethodRoutes: Route[] = [
  route("POST", "/v1/payment_methods", createParams, create),
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
    { customer: required(text()) },
    (tx, params, { id = "" }) => {
      tx.need("customer", params.customer, "customer");
      return attach(tx, resolveMethod(tx, id, "id"), params.customer);
    },
  ),
  route("POST", "/v1/payment_methods/:id/detach", {}, (tx, _params, { id = "" }) => detach(tx, id)),
];
