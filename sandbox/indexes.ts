import type { Kind, Kinds } from "./kinds.ts";

type Indexes = { [K in Kind]: Record<string, (row: Kinds[K]) => string | null | undefined> };

/** What each kind is looked up by, besides its id. */
export const indexes = {
  balance_transaction: { source: (t) => t.source },
  "billing.meter": { event_name: (m) => m.event_name },
  "billing.meter_event": {
    identifier: (e) => e.shown.identifier,
    usage: (e) => `${e.meter} ${e.customer}`,
  },
  "billing_portal.configuration": {},
  "billing_portal.session": {},
  charge: { customer: (c) => c.customer, payment_intent: (c) => c.payment_intent },
  "checkout.session": {
    customer: (s) => s.customer,
    payment_intent: (s) => s.payment_intent,
    setup_intent: (s) => s.setup_intent,
    subscription: (s) => s.subscription,
  },
  checkout_details: {
    payment_intent: (d) => d.attempt?.payment_intent,
    subscription: (d) => d.attempt?.subscription,
  },
  coupon: {},
  coupon_terms: {},
  credit_note: { customer: (n) => n.customer, invoice: (n) => n.invoice },
  customer: { email: (c) => c.email, test_clock: (c) => c.test_clock },
  customer_balance_transaction: { customer: (t) => t.customer },
  customer_tax: {},
  deleted: {},
  detached_method: {},
  delivery: { event: (d) => d.event, endpoint: (d) => d.endpoint },
  discount: { customer: (d) => d.customer, subscription: (d) => d.subscription },
  dispute: { charge: (d) => d.charge, payment_intent: (d) => d.payment_intent },
  event: { type: (e) => e.type },
  former_customer: {},
  idempotency_record: {},
  invoice: {
    customer: (i) => i.customer,
    subscription: (i) => i.parent?.subscription_details?.subscription,
  },
  invoice_details: {},
  invoice_payment: { invoice: (p) => p.invoice, payment_intent: (p) => p.payment.payment_intent },
  invoiceitem: {
    customer: (i) => i.customer,
    invoice: (i) => i.invoice,
    pending: (i) => (i.invoice === null ? i.customer : null),
    subscription: (i) => i.parent?.subscription_details?.subscription,
  },
  payment_intent: { customer: (p) => p.customer, payment_method: (p) => p.payment_method },
  payment_method: { customer: (m) => m.customer },
  portal_setup: {},
  price: { product: (p) => p.product, lookup_key: (p) => p.lookup_key },
  price_terms: {},
  product: {},
  promotion_code: { code: (p) => p.code.toLowerCase(), coupon: (p) => p.promotion.coupon },
  refund: { charge: (r) => r.charge, payment_intent: (r) => r.payment_intent },
  settings: {},
  rolled_secrets: {},
  setup_intent: { customer: (s) => s.customer, payment_method: (s) => s.payment_method },
  subscription: { customer: (s) => s.customer, pending_setup_intent: (s) => s.pending_setup_intent },
  subscription_details: {},
  subscription_item: {},
  schedule_details: {},
  subscription_schedule: { customer: (s) => s.customer },
  tax_id: { customer: (t) => t.customer },
  "test_helpers.test_clock": {},
  webhook_endpoint: {},
} satisfies Indexes;

/** The names a kind may be looked up by. */
export type IndexOf<K extends Kind> = keyof (typeof indexes)[K] & string;
