import type Stripe from "stripe";

/** A field that may be expanded is stored as the id alone. */
type Unexpanded<T> = [Extract<T, string>] extends [never] ? T : Exclude<T, { id: string }>;

type IsPlainString<T> =
  (<G>() => G extends T ? 1 : 2) extends <G>() => G extends string ? 1 : 2 ? true : false;

/** stripe-node leaves its enums open with `string & {}`; the sandbox uses the named values only. */
type WireString<T extends string> = IsPlainString<T> extends true ? T : string extends T ? never : T;

/**
 * A Stripe object as it travels and as it is stored: stripe-node's type with every expandable field
 * as an id and every decimal as a string.
 */
export type Wire<T> = T extends string
  ? WireString<T>
  : T extends Stripe.Decimal
    ? string
    : T extends (infer U)[]
      ? Wire<Unexpanded<U>>[]
      : T extends object
        ? { [K in keyof T]: Wire<Unexpanded<T[K]>> }
        : T;

/** What stays of an object that was deleted. */
interface Deleted {
  id: string;
  object: string;
  deleted: true;
}

/** A customer that was deleted: what it was charged lives on in its time. */
interface FormerCustomer {
  /** The customer's id. */
  id: string;
  test_clock: string;
}

/** A payment method that was its customer's once: it can be nobody's any more. */
interface DetachedMethod {
  /** The payment method's id. */
  id: string;
}

/** What a Checkout session knows beyond what Stripe shows of it. */
export interface CheckoutDetails {
  /** The session's id. */
  id: string;
  line_items: Wire<Stripe.LineItem>[];
  subscription_data: {
    description: string | null;
    metadata: Record<string, string>;
    trial_end: number | null;
    trial_period_days: number | null;
    missing_payment_method: "cancel" | "create_invoice" | "pause";
    billing_mode: "classic" | "flexible";
  };
  /** What the payment of a session in payment mode is made with. */
  payment_data: Pick<
    Wire<Stripe.PaymentIntent>,
    | "capture_method"
    | "description"
    | "metadata"
    | "receipt_email"
    | "setup_future_usage"
    | "shipping"
    | "statement_descriptor"
    | "statement_descriptor_suffix"
  >;
  /** Whether a name that the payer types becomes the known customer's. */
  updates_name: boolean;
  /** What the payer has typed of themselves. */
  payer: { email: string | null; name: string | null };
  /** What a first, unpaid attempt has left behind; the next attempt goes on with it. */
  attempt: {
    customer: string | null;
    subscription: string | null;
    invoice: string | null;
    payment_intent: string | null;
  } | null;
}

/** What a subscription knows beyond what Stripe shows of it. */
export interface SubscriptionDetails {
  /** The subscription's id. */
  id: string;
  customer: string;
  /** When to tell that the trial is about to end; null once told. */
  trial_will_end_at: number | null;
  /** When to tell of the next invoice; null when that has been told, or will not be. */
  upcoming_at: number | null;
  /** What the subscription becomes when an invoice has been paid: a pending update, or going on after a pause. */
  awaiting: {
    invoice: string;
    expires_at: number;
    patch: Partial<Wire<Stripe.Subscription>>;
    /** Its items when this was asked for: the patch is applied to what they are when it is paid for. */
    before: Wire<Stripe.SubscriptionItem>[];
    of: "pending_update" | "resumption";
  } | null;
}

/** What a schedule knows beyond what Stripe shows of it. */
export interface ScheduleDetails {
  /** The schedule's id. */
  id: string;
  customer: string;
  /** When to tell that it is about to end; null once told. */
  expiring_at: number | null;
}

/** What a sent invoice knows beyond what Stripe shows of it. */
export interface InvoiceDetails {
  /** The invoice's id. */
  id: string;
  invoice: string;
  /** When to tell that it is overdue; null once told. */
  overdue_at: number | null;
}

/** Which subscription an item is of, to be found by the item's id. */
interface ItemOwner {
  /** The item's id. */
  id: string;
  subscription: string;
  customer: string;
}

/** What the account has been told to do, apart from Stripe's API. */
export interface Settings {
  /** There is one row, `settings`. */
  id: string;
  /** What becomes of a subscription whose payment was tried for the last time. */
  afterRetries: "cancel" | "unpaid" | "past_due";
  /** After how many days a failed payment is tried again: one number for each retry. */
  retryDays: number[];
}

/** A setup intent by which a customer adds a method in the portal; it becomes their default. */
interface PortalSetup {
  /** The setup intent's id. */
  id: string;
  /** The portal session's. */
  session: string;
}

/** What a customer shows for taxes only when it is asked to. */
interface CustomerTax {
  /** The customer's id. */
  id: string;
  ip_address: string;
}

/** One try to hand an event to an endpoint. Times are real milliseconds, not the sandbox's. */
export interface DeliveryAttempt {
  at: number;
  durationMs: number;
  status: number | null;
  error: string | null;
  answer: string;
}

/** An event on its way to one endpoint. */
export interface Delivery {
  id: string;
  event: string;
  endpoint: string;
  state: "pending" | "delivered" | "failed" | "canceled";
  nextAttemptAt: number;
  attempts: DeliveryAttempt[];
}

/** The first answer under an idempotency key: rows never change, so this one stays as it was. */
export interface IdempotencyRecord {
  id: string;
  fingerprint: string;
  status: number;
  answer: object;
  created: number;
}

/** The secrets that an endpoint had before, by its id; each signs along until it ends. */
interface RolledSecrets {
  id: string;
  secrets: { secret: string; until: number }[];
}

/** An event as stored; `pending_webhooks` is counted when it is read. */
export interface StoredEvent {
  id: string;
  type: Stripe.Event["type"];
  created: number;
  /** When it began to be kept, in the sandbox's own time: what lives on a test clock may be long past. */
  recorded: number;
  data: { object: object; previous_attributes?: object };
  request: { id: string | null; idempotency_key: string | null };
}

/** A meter event as stored: Stripe's own, and what the meter read in it. */
export interface StoredMeterEvent {
  id: string;
  shown: Wire<Stripe.Billing.MeterEvent>;
  meter: string;
  customer: string;
  value: number;
  /** Taken back by an adjustment. */
  canceled: boolean;
}

/** What a coupon shows only when it is asked to: its other currencies, and the products it is for. */
export interface CouponTerms {
  /** The coupon's id. */
  id: string;
  currency_options: Record<string, { amount_off: number }>;
  /** Null for all products. */
  products: string[] | null;
  /** No more to be redeemed; the discounts it has become go on. */
  deleted: boolean;
}

/** What a price shows only when it is asked to: its other currencies, and its tiers. */
export interface PriceTerms {
  /** The price's id. */
  id: string;
  currency_options: Record<string, Wire<Stripe.Price.CurrencyOptions>>;
  tiers: Wire<Stripe.Price.Tier>[];
}

/** Everything the sandbox keeps, by kind. Names with a Stripe `object` are that object. */
export interface Kinds {
  balance_transaction: Wire<Stripe.BalanceTransaction>;
  "billing.meter": Wire<Stripe.Billing.Meter>;
  "billing.meter_event": StoredMeterEvent;
  "billing_portal.configuration": Wire<Stripe.BillingPortal.Configuration>;
  "billing_portal.session": Wire<Stripe.BillingPortal.Session>;
  charge: Wire<Stripe.Charge>;
  "checkout.session": Wire<Stripe.Checkout.Session>;
  checkout_details: CheckoutDetails;
  coupon: Wire<Stripe.Coupon>;
  coupon_terms: CouponTerms;
  credit_note: Wire<Stripe.CreditNote>;
  customer: Wire<Stripe.Customer>;
  customer_tax: CustomerTax;
  customer_balance_transaction: Wire<Stripe.CustomerBalanceTransaction>;
  deleted: Deleted;
  detached_method: DetachedMethod;
  delivery: Delivery;
  discount: Wire<Stripe.Discount>;
  dispute: Wire<Stripe.Dispute>;
  event: StoredEvent;
  former_customer: FormerCustomer;
  idempotency_record: IdempotencyRecord;
  invoice: Wire<Stripe.Invoice>;
  invoice_details: InvoiceDetails;
  invoice_payment: Wire<Stripe.InvoicePayment>;
  invoiceitem: Wire<Stripe.InvoiceItem>;
  payment_intent: Wire<Stripe.PaymentIntent>;
  payment_method: Wire<Stripe.PaymentMethod>;
  portal_setup: PortalSetup;
  price: Wire<Stripe.Price>;
  price_terms: PriceTerms;
  product: Wire<Stripe.Product>;
  promotion_code: Wire<Stripe.PromotionCode>;
  refund: Wire<Stripe.Refund>;
  settings: Settings;
  rolled_secrets: RolledSecrets;
  setup_intent: Wire<Stripe.SetupIntent>;
  subscription: Wire<Stripe.Subscription>;
  subscription_details: SubscriptionDetails;
  subscription_item: ItemOwner;
  schedule_details: ScheduleDetails;
  subscription_schedule: Wire<Stripe.SubscriptionSchedule>;
  tax_id: Wire<Stripe.TaxId>;
  "test_helpers.test_clock": Wire<Stripe.TestHelpers.TestClock>;
  webhook_endpoint: Wire<Stripe.WebhookEndpoint>;
}

export type Kind = keyof Kinds;
