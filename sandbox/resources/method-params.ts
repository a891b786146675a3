import { type BankDebit, debitByAccount } from "../bank-debits.ts";
import { createCard, createDebit } from "../billing/customers/payment-methods.ts";
import { cardByNumber, cardByToken, passesLuhn, type TestCard } from "../cards.ts";
import { ApiError, invalidParameter, noSuch } from "../errors.ts";
import type { Kinds } from "../kinds.ts";
import { metadata, withMetadata } from "../metadata.ts";
import {
  flag,
  type Infer,
  integer,
  list,
  object,
  oneOf,
  type Param,
  required,
  text,
  timestamp,
  unsettable,
} from "../params.ts";
import type { Transaction } from "../transaction.ts";
import { address, addressOf } from "./address.ts";

type PaymentMethod = Kinds["payment_method"];

export const billingDetails = object({
  address: unsettable(address),
  email: unsettable(text()),
  name: unsettable(text()),
  phone: unsettable(text()),
  tax_id: text(),
});

export const allowRedisplay = oneOf("always", "limited", "unspecified");

/** What a new payment method is described with. */
export const methodShape = {
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
  sepa_debit: object({ iban: required(text()) }),
  type: required(oneOf("card", "sepa_debit", "us_bank_account")),
  us_bank_account: object({
    account_holder_type: oneOf("company", "individual"),
    account_number: text(),
    account_type: oneOf("checking", "savings"),
    routing_number: text(),
  }),
};

/** A new payment method inside another request. */
export const methodData = object(methodShape);

/** The holder's consent to debits. It is read, and nothing comes of it: the sandbox keeps no mandates. */
export const mandateData = unsettable(
  object({
    customer_acceptance: required(
      object({
        accepted_at: timestamp,
        offline: object({}),
        online: object({ ip_address: text(), user_agent: text(), infer_from_client: flag }),
        type: required(oneOf("offline", "online")),
      }),
    ),
  }),
);

/** Which methods an intent allows or leaves out; those that the sandbox can pay with are `methodShape`'s types. */
export const methodTypes = list(
  oneOf(
    "acss_debit",
    "affirm",
    "afterpay_clearpay",
    "alipay",
    "amazon_pay",
    "au_becs_debit",
    "bacs_debit",
    "bancontact",
    "blik",
    "boleto",
    "card",
    "cashapp",
    "crypto",
    "customer_balance",
    "eps",
    "giropay",
    "grabpay",
    "ideal",
    "klarna",
    "konbini",
    "mobilepay",
    "multibanco",
    "oxxo",
    "p24",
    "paypal",
    "pix",
    "promptpay",
    "revolut_pay",
    "sepa_debit",
    "sofort",
    "swish",
    "twint",
    "us_bank_account",
    "wechat_pay",
    "zip",
  ),
);

/** Since the endive version methods are chosen dynamically; the old parameter is refused by name. */
export function noMethodTypes(noun: string): Param<never> {
  return {
    read(_raw, path) {
      throw invalidParameter(
        path,
        `The \`payment_method_types\` parameter is no longer supported on ${noun}. Use dynamic payment methods, \`allowed_payment_method_types\` or \`excluded_payment_method_types\` instead.`,
        "payment_method_types_no_longer_supported",
      );
    },
  };
}

/** A new payment method as it is described; the number must be one, and the expiry in the future. */
export function createMethod(tx: Transaction, params: Infer<typeof methodShape>): PaymentMethod {
  const input = {
    billing_details: detailsOf(params.billing_details),
    metadata: withMetadata({}, params.metadata),
  };
  const method =
    params.type === "card"
      ? newCard(tx, params, input)
      : createDebit(tx, { debit: debitFrom(params), ...input });
  const { allow_redisplay } = params;
  return allow_redisplay ? tx.update("payment_method", method.id, { allow_redisplay }) : method;
}

type Common = Pick<Parameters<typeof createCard>[1], "billing_details" | "metadata">;

function newCard(tx: Transaction, { card }: Infer<typeof methodShape>, input: Common): PaymentMethod {
  if (!card) throw missing("card");
  const { exp_month, exp_year } = card;
  const year = exp_year !== undefined && exp_year < 100 ? 2000 + exp_year : exp_year;
  assertNotExpired(tx, exp_month, year);
  return createCard(tx, { card: cardFrom(card), exp_month, exp_year: year, ...input });
}

function cardFrom({ number, token }: { number?: string; token?: string }): TestCard {
  if (token) {
    const card = token.startsWith("tok_") ? cardByToken(token) : undefined;
    if (!card) throw noSuch("token", token, "card[token]");
    return card;
  }
  if (!number) throw missing("card[number]");
  const plain = number.replace(/[\s-]/g, "");
  if (!passesLuhn(plain)) throw cardError("incorrect_number", "number", "Your card number is incorrect.");
  return cardByNumber(plain);
}

function debitFrom({ sepa_debit, type, us_bank_account }: Infer<typeof methodShape>): BankDebit {
  if (type === "sepa_debit") {
    if (!sepa_debit) throw missing("sepa_debit");
    return debitByAccount(type, sepa_debit.iban);
  }
  const { account_number } = us_bank_account ?? {};
  if (!account_number) throw missing("us_bank_account[account_number]");
  return debitByAccount("us_bank_account", account_number);
}

/** A card must be good at the end of this month at least; without an expiry, Stripe's own is. */
export function assertNotExpired(tx: Transaction, month: number | undefined, year: number | undefined): void {
  if (year === undefined) return;
  const now = new Date(tx.now * 1000);
  if (year < now.getUTCFullYear() || year > now.getUTCFullYear() + 50)
    throw cardError("invalid_expiry_year", "exp_year", "Your card's expiration year is invalid.");
  if (Date.UTC(year, month ?? 12) <= now.getTime())
    throw cardError("invalid_expiry_month", "exp_month", "Your card's expiration month is invalid.");
}

function cardError(code: string, param: string, message: string): ApiError {
  return new ApiError(402, { type: "card_error", code, message, param });
}

const missing = (param: string) =>
  invalidParameter(param, `Missing required param: ${param}.`, "parameter_missing");

/** Billing details as a payment method shows them. */
export function detailsOf(
  given: Infer<{ b: typeof billingDetails }>["b"],
): Partial<PaymentMethod["billing_details"]> {
  if (!given) return {};
  const { address, ...plain } = given;
  return { ...plain, ...(address !== undefined && { address: address && addressOf(address) }) };
}
