import { ApiError, invalidRequest } from "../../errors.ts";
import { newId } from "../../ids.ts";
import type { Kinds } from "../../kinds.ts";
import type { ImaginedTransaction, Transaction } from "../../transaction.ts";
import { type Redemption, redeem } from "../catalogue/discounts.ts";
import { payInvoice, refusalOf } from "../invoices/collection.ts";
import { finalizeInvoice } from "../invoices/invoices.ts";
import { assertChargeable } from "../payments/amounts.ts";
import { type ExtraItem, insertExtraItems } from "./extra-items.ts";
import { defaultMethod, draftBill } from "./invoices.ts";
import { itemLine } from "./lines.ts";
import { askForMethod } from "./setup.ts";
import { createSubscription, type SubscriptionInput } from "./subscriptions.ts";

type Subscription = Kinds["subscription"];
type Invoice = Kinds["invoice"];

/** What is done when a payment that is due at once is not made at once. */
export type PaymentBehavior =
  | "allow_incomplete"
  | "default_incomplete"
  | "error_if_incomplete"
  | "pending_if_incomplete";

/** How a subscription starts. */
export interface Start {
  behavior: PaymentBehavior;
  /** Whether a first period that is shorter than a recurrence is billed in part, or not at all. */
  prorates: boolean;
  extras: ExtraItem[];
  redemptions: Redemption[];
}

/**
 * A new subscription with its first invoice, collected as `behavior` says.
 * Throws for a customer without a method to pay with, and for a refused payment under
 * `error_if_incomplete`; then nothing is kept. https://docs.stripe.com/api/subscriptions/create
 */
export function startSubscription(tx: Transaction, input: SubscriptionInput, start: Start): Subscription {
  const terms = named(tx, input, start);
  const due = tx.imagine(() => firstInvoice(tx, createSubscription(tx, terms), start).amount_due);
  assertCanPay(tx, terms, due, start.behavior);
  const subscription = createSubscription(tx, { ...terms, status: firstStatus(terms, due) });
  collectFirst(tx, firstInvoice(tx, subscription, start), start.behavior);
  if (due === 0) askForMethod(tx, tx.need("subscription", subscription.id));
  settleCurrency(tx, subscription);
  return tx.need("subscription", subscription.id);
}

/** The terms with the ids that everything refers to, and the discounts made. */
function named(
  tx: Transaction,
  input: SubscriptionInput,
  { prorates, redemptions }: Start,
): SubscriptionInput {
  const id = newId("sub");
  const { customer, currency } = input;
  const discounts = redeem(tx, redemptions, { customer, currency, subscription: id });
  return { ...input, id, prorates, latest_invoice: newId("in"), discounts: discounts.map((one) => one.id) };
}

/** The draft of the first invoice of a subscription that is made for it. */
export function draftOfStart(tx: ImaginedTransaction, input: SubscriptionInput, start: Start): Invoice {
  return firstInvoice(tx, createSubscription(tx, named(tx, input, start)), start);
}

function firstInvoice(tx: Transaction, subscription: Subscription, start: Start): Invoice {
  insertExtraItems(tx, subscription, start.extras);
  return draftBill(tx, subscription, {
    id: subscription.latest_invoice!,
    billing_reason: "subscription_create",
    lines: subscription.items.data.map((item) =>
      itemLine(tx, subscription, item, { partsAreFree: !start.prorates }),
    ),
  });
}

/** A subscription waits for its first payment, when there is one to be charged. */
function firstStatus({ collection_method, trial_end }: SubscriptionInput, due: number) {
  if (due > 0 && collection_method !== "send_invoice") return "incomplete";
  return trial_end ? "trialing" : "active";
}

function assertCanPay(
  tx: Transaction,
  { collection_method, currency, customer, default_payment_method = null }: SubscriptionInput,
  due: number,
  behavior: PaymentBehavior,
): void {
  if (due === 0 || collection_method === "send_invoice") return;
  assertChargeable(due, currency);
  if (behavior === "default_incomplete") return;
  if (!defaultMethod(tx, { customer, default_payment_method })) throw noMethod();
}

/** Nobody can be charged. */
export function noMethod(): ApiError {
  return invalidRequest(
    "This customer has no attached payment source or default payment method. Please consider adding a default payment method. For more information, visit https://stripe.com/docs/billing/subscriptions/payment-methods-setting#payment-method-priority.",
    { code: "resource_missing" },
  );
}

function collectFirst(tx: Transaction, draft: Invoice, behavior: PaymentBehavior): void {
  if (draft.amount_due === 0) finalizeInvoice(tx, draft);
  else if (draft.collection_method === "charge_automatically") collectNow(tx, draft, behavior);
}

/** Finalizes a draft and collects it at once, as far as `behavior` lets it. */
export function collectNow(tx: Transaction, draft: Invoice, behavior: PaymentBehavior): Invoice {
  if (behavior === "default_incomplete") return finalizeInvoice(tx, draft);
  const collected = payInvoice(tx, draft);
  const refusal = behavior === "error_if_incomplete" ? refusalOf(collected) : undefined;
  if (refusal) throw withoutTraces(refusal);
  return collected.invoice;
}

/** The same refusal when all that was done is taken back: it names nothing that is not there. */
function withoutTraces({ status, body }: ApiError): ApiError {
  const { charge: _charge, payment_intent: _intent, ...rest } = body;
  return new ApiError(status, rest);
}

/** A customer's first purchase decides the currency. */
function settleCurrency(tx: Transaction, { customer: id, currency }: Subscription): void {
  const customer = tx.need("customer", id, "customer");
  if (!customer.currency) tx.update("customer", id, { currency }, "customer.updated");
}
