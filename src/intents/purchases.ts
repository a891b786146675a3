import type { Intent } from "../entities/intent.ts";
import { DomainError } from "../errors.ts";
import { outcomeOf } from "../stripe/errors.ts";
import type { StripeGateway } from "../stripe/gateway.ts";
import { INTENT_ID, PURCHASE_ID, RESOURCE_ID, RESOURCE_TYPE, USER_ID } from "../stripe/metadata.ts";
import type { IntentKind } from "./kinds.ts";
import { said, unusableMethod } from "./refusals.ts";
import { voidUnpaid } from "./unpaid.ts";

/** What every way to pay for a purchase is asked with: the intent's `params`, fixed when it was ordered. */
export interface PurchaseParams {
  customer: string;
  amount: number;
  currency: string;
  title: string;
  resourceType: string;
  resourceId: string;
  /** Of the code that made it cheaper. */
  promotionId?: string;
}
export interface PageParams extends PurchaseParams {
  successUrl: string;
  cancelUrl: string;
}
export interface MethodParams extends PurchaseParams {
  paymentMethod: string;
}

const paramsOf = <T extends PurchaseParams>({ params }: Intent) => params as unknown as T;

/** On whatever the money is asked with: whose it is and what it is for. The intent's subject is the purchase. */
function metadataOf(intent: Intent): Record<string, string> {
  const { resourceType, resourceId } = paramsOf(intent);
  return {
    ...{ [USER_ID]: intent.userId, [INTENT_ID]: intent.id, [PURCHASE_ID]: intent.subject },
    ...{ [RESOURCE_TYPE]: resourceType, [RESOURCE_ID]: resourceId },
  };
}

/** A Checkout page for one thing, with an invoice of what was paid. What a session makes does not inherit its metadata. */
async function postPage(stripe: StripeGateway, intent: Intent, key: string): Promise<{ id: string }> {
  const { customer, amount, currency, title, successUrl, cancelUrl } = paramsOf<PageParams>(intent);
  const metadata = metadataOf(intent);
  return stripe.createCheckoutSession(
    {
      ...{ mode: "payment", customer, metadata, client_reference_id: intent.userId },
      line_items: [
        { quantity: 1, price_data: { currency, unit_amount: amount, product_data: { name: title } } },
      ],
      ...{ success_url: successUrl, cancel_url: cancelUrl },
      payment_intent_data: { metadata, description: title },
      invoice_creation: { enabled: true, invoice_data: { metadata, description: title } },
    },
    key,
  );
}

/**
 * Charges a stored method, on an invoice: made, finalised and paid, each step under a key of its own. What the bank
 * refuses is voided before anybody hears of it; what it wants to ask waits for the customer.
 */
async function charge(stripe: StripeGateway, intent: Intent, key: string): Promise<{ id: string }> {
  const { customer, amount, currency, title, paymentMethod } = paramsOf<MethodParams>(intent);
  const metadata = metadataOf(intent);
  const id = await said(() =>
    stripe.invoices.draft({ customer, amount, currency, title, paymentMethod, metadata }, key),
  );
  // what Stripe answered may be a replay: what it says now counts
  if ((await stripe.invoice(id))?.status === "draft") await stripe.invoices.finalize(id, `${key}:finalize`);
  try {
    // one that is void was refused before: the same answer comes again under the same key
    if ((await stripe.invoice(id))?.status !== "paid" && !(await isAwaited(stripe, id)))
      await said(() => stripe.invoices.pay(id, `${key}:pay`));
  } catch (error) {
    if (outcomeOf(error) === "unknown") throw error;
    if (!(await isAwaited(stripe, id)) && (await voidUnpaid(stripe, id, `${key}:void`)))
      throw error instanceof DomainError ? error : unusableMethod();
  }
  return { id };
}

/** Whether a bank asks the customer, or works on it. */
async function isAwaited(stripe: StripeGateway, id: string): Promise<boolean> {
  const status = (await stripe.subscriptions.awaitedPayment(id))?.status;
  return status === "requires_action" || status === "processing";
}

/** Sees to it that nobody can pay an invoice any more; one that has been paid meanwhile stays. */
async function voidInvoice(stripe: StripeGateway, { subject: id }: Intent, key: string) {
  // a draft cannot be voided, and when it is finalised a balance may pay it
  if ((await stripe.invoice(id))?.status === "draft") await stripe.invoices.discard(id);
  else await voidUnpaid(stripe, id, `${key}:void`);
  return { id };
}

const PAYABLE = ["draft", "open", "uncollectible"];

/** The kinds of change at Stripe that purchases are made of; their subject is the purchase, or its invoice. */
export const PURCHASE_KINDS = {
  "create-purchase-page": {
    post: postPage,
    find: (stripe, intent) =>
      stripe.checkoutSessionByMetadata(paramsOf(intent).customer, INTENT_ID, intent.id),
    aggregate: "checkout_session",
    isForOrder: true,
    begins: true,
    once: false,
  },
  "charge-purchase": {
    post: charge,
    find: (stripe, intent) => stripe.invoices.byMetadata(paramsOf(intent).customer, INTENT_ID, intent.id),
    aggregate: "invoice",
    isForOrder: true,
    begins: true,
    once: false,
  },
  "void-purchase": {
    post: voidInvoice,
    find: async (stripe, intent) => {
      const status = (await stripe.invoice(intent.subject))?.status;
      return PAYABLE.includes(status ?? "") ? null : { id: intent.subject };
    },
    aggregate: "invoice",
    once: false,
  },
} satisfies Record<string, IntentKind>;
