import { createHash } from "node:crypto";
import { type BankDebit, bankDebits, debitByAccount, debitByToken } from "../../bank-debits.ts";
import {
  type CardBehaviour,
  cardByNumber,
  cardByToken,
  type Decline,
  type TestCard,
  testCards,
} from "../../cards.ts";
import { ApiError, invalidRequest, noSuch } from "../../errors.ts";
import { newId } from "../../ids.ts";
import type { Kinds } from "../../kinds.ts";
import type { Transaction } from "../../transaction.ts";

type PaymentMethod = Kinds["payment_method"];
type BillingDetails = PaymentMethod["billing_details"];

interface MethodInput {
  billing_details?: Partial<BillingDetails> | undefined;
  metadata?: Record<string, string> | undefined;
}

export interface CardInput extends MethodInput {
  card: TestCard;
  exp_month?: number | undefined;
  exp_year?: number | undefined;
}

interface DebitInput extends MethodInput {
  debit: BankDebit;
}

/** One fingerprint a number, whoever uses it. */
const fingerprintOf = (number: string) =>
  createHash("sha256").update(number).digest("base64url").slice(0, 16);

/** What payment methods of every kind have. */
function bareMethod(tx: Transaction, { billing_details = {}, metadata = {} }: MethodInput) {
  return {
    id: newId("pm"),
    object: "payment_method" as const,
    allow_redisplay: "unspecified" as const,
    billing_details: {
      address: null,
      email: null,
      name: null,
      phone: null,
      tax_id: null,
      ...billing_details,
    },
    created: tx.now,
    customer: null,
    customer_account: null,
    livemode: false,
    metadata,
  };
}

/** A payment method of a test card, not attached to anyone. Without an expiry it is good for three years. */
export function createCard(tx: Transaction, input: CardInput): PaymentMethod {
  const { card, exp_month = 12 } = input;
  const exp_year = input.exp_year ?? new Date(tx.now * 1000).getUTCFullYear() + 3;
  return tx.insert("payment_method", {
    ...bareMethod(tx, input),
    card: {
      brand: card.brand,
      checks: { address_line1_check: null, address_postal_code_check: null, cvc_check: "pass" },
      country: card.country,
      display_brand: card.brand,
      exp_month,
      exp_year,
      fingerprint: fingerprintOf(card.number),
      funding: card.funding,
      generated_from: null,
      last4: card.number.slice(-4),
      networks: { available: [card.brand], preferred: null },
      regulated_status: "unregulated",
      three_d_secure_usage: { supported: true },
      wallet: null,
    },
    type: "card",
  });
}

/** A payment method of a bank account, not attached to anyone. */
export function createDebit(tx: Transaction, input: DebitInput): PaymentMethod {
  const { account, type } = input.debit;
  const [fingerprint, last4] = [fingerprintOf(account), account.slice(-4)];
  if (type === "sepa_debit") {
    const [country, bank_code] = [account.slice(0, 2), account.slice(4, 12)];
    const sepa_debit = { bank_code, branch_code: "", country, fingerprint, generated_from: null, last4 };
    return tx.insert("payment_method", { ...bareMethod(tx, input), sepa_debit, type });
  }
  return tx.insert("payment_method", {
    ...bareMethod(tx, input),
    us_bank_account: {
      account_holder_type: "individual",
      account_type: "checking",
      bank_name: "STRIPE TEST BANK",
      financial_connections_account: null,
      fingerprint,
      last4,
      networks: { preferred: "ach", supported: ["ach"] },
      routing_number: "110000000",
      status_details: {},
    },
    type,
  });
}

const byFingerprint = new Map([...testCards].reverse().map((card) => [fingerprintOf(card.number), card]));

/** What the test card behind a payment method does: the fingerprint says which it is. A bank account has its own ways. */
export function cardOf(method: PaymentMethod): CardBehaviour {
  if (!method.card) return {};
  return byFingerprint.get(method.card.fingerprint ?? "") ?? cardByNumber("");
}

const debitByFingerprint = new Map(bankDebits.map((debit) => [fingerprintOf(debit.account), debit]));

/** The test account behind a payment method whose payments take time; undefined for cards, which are asked at once. */
export function debitOf(
  method: Pick<PaymentMethod, "type"> | NonNullable<Kinds["charge"]["payment_method_details"]>,
): BankDebit | undefined {
  const { sepa_debit, us_bank_account, type } = method as PaymentMethod;
  if (!sepa_debit && !us_bank_account) return undefined;
  const fingerprint = (sepa_debit ?? us_bank_account)?.fingerprint ?? "";
  return debitByFingerprint.get(fingerprint) ?? debitByAccount(type as BankDebit["type"], "");
}

/** The payment method of an id, or a new one of a test token such as `pm_card_visa` or `pm_success_de`. */
export function resolveMethod(tx: Transaction, idOrToken: string, param = "payment_method"): PaymentMethod {
  const known = tx.get("payment_method", idOrToken);
  if (known) return known;
  const debit = debitByToken(idOrToken);
  if (debit) return createDebit(tx, { debit });
  const card = idOrToken.startsWith("pm_card_") ? cardByToken(idOrToken) : undefined;
  if (!card) throw noSuch("PaymentMethod", idOrToken, param);
  return createCard(tx, { card });
}

/** A refused card, in Stripe's words; what was done before the refusal stays. */
export function declined(
  decline: Decline,
  extra: { charge?: string; payment_intent?: object; payment_method?: object } = {},
): ApiError {
  return new ApiError(402, { type: "card_error", ...decline, ...extra }, { keepsEffects: true });
}

/** Makes a method the customer's, unless the card refuses it. */
export function attach(tx: Transaction, method: PaymentMethod, customer: string): PaymentMethod {
  if (method.customer === customer) return method;
  if (method.customer) {
    throw invalidRequest("The payment method you provided has already been attached to a customer.", {
      param: "payment_method",
      code: "payment_method_unexpected_state",
    });
  }
  const { declines } = cardOf(method);
  // Nothing was charged: unlike a declined payment, this leaves nothing behind.
  if (declines) throw new ApiError(402, { type: "card_error", ...declines, payment_method: method });
  const attached = tx.update("payment_method", method.id, { customer });
  tx.emit("payment_method.attached", attached);
  return attached;
}
