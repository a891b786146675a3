import { createCustomer } from "../billing/customers/customers.ts";
import {
  invoiceAfterCancel,
  invoiceAfterChange,
  nextInvoice,
  noneUpcoming,
} from "../billing/subscriptions/next-invoice.ts";
import { draftOfResumption } from "../billing/subscriptions/resuming.ts";
import { draftOfStart } from "../billing/subscriptions/start.ts";
import { invalidParameter } from "../errors.ts";
import type { Kinds } from "../kinds.ts";
import { isFinal } from "../states.ts";
import type { ImaginedTransaction } from "../transaction.ts";
import type { discounts } from "./common-params.ts";
import { orderOf } from "./subscription-create.ts";
import type { previewedSubscription } from "./subscription-params.ts";
import { changesOf } from "./subscription-update.ts";

type Subscription = Kinds["subscription"];
type Details = ReturnType<(typeof previewedSubscription)["read"]>;

/** What a preview is asked about a subscription. */
interface Question {
  customer?: string | undefined;
  currency?: string | undefined;
  discounts?: ReturnType<(typeof discounts)["read"]> | undefined;
  subscription?: string | undefined;
  subscription_details?: Details | undefined;
}

/** Drafts the invoice that a change of a subscription, or a new one, leads to, as if for real. */
export function draftForPreview(
  tx: ImaginedTransaction,
  question: Question,
  imagineItems: (of: Target) => void,
) {
  const { subscription: id, customer, subscription_details: details = {} } = question;
  if (!id) return draftOfNew(tx, question, details, imagineItems);
  const subscription = tx.need("subscription", id, "subscription");
  if (customer !== undefined && customer !== subscription.customer) {
    throw invalidParameter("subscription", `The customer ${customer} does not have the subscription ${id}.`);
  }
  if (isFinal("subscription", subscription.status)) throw noneUpcoming(subscription.customer);
  imagineItems(subscription);
  return draftOfExisting(tx, subscription, question, details);
}

/** Whom the items that only a preview has are for. */
type Target = Pick<Subscription, "customer" | "currency">;

function draftOfExisting(
  tx: ImaginedTransaction,
  subscription: Subscription,
  question: Question,
  details: Details,
): Kinds["invoice"] {
  const { cancel_now, resume_at, billing_cycle_anchor, billing_mode: _, ...changes } = details;
  const { proration_behavior = "create_prorations", proration_date } = details;
  if (cancel_now) return invoiceAfterCancel(tx, subscription, proration_behavior !== "none");
  const anchor = anchorType(billing_cycle_anchor);
  if (resume_at) {
    const how = { billing_cycle_anchor: anchor ?? "now", proration_behavior, proration_date };
    const payment_behavior = "resume_on_payment_attempt" as const;
    const draft = draftOfResumption(tx, subscription, { ...how, payment_behavior });
    return draft ?? nextInvoice(tx, tx.need("subscription", subscription.id));
  }
  return invoiceAfterChange(
    tx,
    subscription,
    changesOf(tx, subscription, {
      ...changes,
      billing_cycle_anchor: anchor && { type: anchor },
      discounts: question.discounts,
    }),
  );
}

function anchorType(anchor: Details["billing_cycle_anchor"]): "now" | "unchanged" | undefined {
  if (anchor?.type !== "timestamp") return anchor?.type;
  throw invalidParameter(
    "subscription_details[billing_cycle_anchor][type]",
    "A timestamp can only be the anchor of a new subscription.",
  );
}

function draftOfNew(
  tx: ImaginedTransaction,
  question: Question,
  details: Details,
  imagineItems: (of: Target) => void,
): Kinds["invoice"] {
  const customer = question.customer ?? createCustomer(tx, {}).id;
  const {
    billing_cycle_anchor: anchor,
    cancel_at,
    cancel_now: _,
    resume_at: __,
    items = [],
    ...rest
  } = details;
  const { input, start } = orderOf(tx, {
    ...rest,
    customer,
    items,
    currency: question.currency,
    billing_cycle_anchor: anchor?.timestamp,
    cancel_at: cancel_at ?? undefined,
    discounts: question.discounts,
    metadata: undefined,
  });
  imagineItems({ customer, currency: input.currency });
  return draftOfStart(tx, input, start);
}
