import type Stripe from "stripe";

/** What can be listed, newest first, and what each list is made of. */
export interface Listed {
  event: Stripe.Event;
  customer: Stripe.Customer;
  subscription: Stripe.Subscription;
  invoice: Stripe.Invoice;
  payment_intent: Stripe.PaymentIntent;
  refund: Stripe.Refund;
  dispute: Stripe.Dispute;
  checkout_session: Stripe.Checkout.Session;
}
export type ListedKind = keyof Listed;

/** What a subscription says that is over: lists leave out only the first of them by themselves. */
export const ENDED: readonly string[] = ["canceled", "incomplete_expired"];

/** One page of a list. */
export interface PageOf<K extends ListedKind> {
  objects: Listed[K][];
  hasMore: boolean;
}

/** Which part of a list. Seconds since 1970, as Stripe counts; a customer only where the list knows one. */
export interface ListRange {
  created?: Stripe.RangeQueryParam;
  customer?: string;
  /** The last object of the page before. */
  after?: string | null;
}

type Params = Stripe.PaginationParams & { created?: Stripe.RangeQueryParam; customer?: string };
type Lists = { [K in ListedKind]: (stripe: Stripe, params: Params) => Promise<Stripe.ApiList<Listed[K]>> };

/** Ended subscriptions are only listed when asked for. */
export const LISTS: Lists = {
  event: (stripe, params) => stripe.events.list(params),
  customer: (stripe, params) => stripe.customers.list(params),
  subscription: (stripe, params) => stripe.subscriptions.list({ ...params, status: "all" }),
  invoice: (stripe, params) => stripe.invoices.list(params),
  payment_intent: (stripe, params) => stripe.paymentIntents.list(params),
  refund: (stripe, params) => stripe.refunds.list(params),
  dispute: (stripe, params) => stripe.disputes.list(params),
  checkout_session: (stripe, params) => stripe.checkout.sessions.list(params),
};
