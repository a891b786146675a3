import type { Aggregate } from "../sync/sync.ts";

/** What an event's object may say about where it belongs; thin events carry less. */
export interface EventObject {
  id?: unknown;
  customer?: unknown;
  subscription?: unknown;
  released_subscription?: unknown;
  payment_intent?: unknown;
  invoice?: unknown;
}
interface Payload {
  object: EventObject;
  previous_attributes?: EventObject;
}
type Choose = (payload: Payload) => unknown;

const itself: Choose = ({ object }) => object.id;
const itsCustomer: Choose = ({ object, previous_attributes: before }) => object.customer ?? before?.customer;
const itsSubscription: Choose = ({ object }) => object.subscription ?? object.released_subscription;
const itsPayment: Choose = ({ object }) => object.payment_intent;
const itsInvoice: Choose = ({ object }) => object.invoice;

const about = (aggregate: Aggregate, subject: Choose, ...types: string[]) =>
  types.map((type) => [type, { aggregate, subject }] as const);

/**
 * Which event asks for the sync of what. The webhook endpoint is subscribed to exactly these. A charge that ended
 * always comes with an event of its payment intent, so charges have no events of their own until money goes back.
 */
const TABLE = new Map([
  ...about("customer", itself, "customer.created", "customer.updated", "customer.deleted"),
  ...about(
    "customer",
    itsCustomer,
    "payment_method.attached",
    "payment_method.updated",
    "payment_method.automatically_updated",
    "payment_method.detached",
  ),
  ...about("product", itself, "product.updated", "product.deleted"),
  ...about("price", itself, "price.updated", "price.deleted"),
  ...about(
    "checkout_session",
    itself,
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
  ),
  ...about(
    "subscription",
    itself,
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.resumed",
    "customer.subscription.pending_update_applied",
    "customer.subscription.pending_update_expired",
    "customer.subscription.trial_will_end",
  ),
  // a schedule is read with its subscription; one that has not begun has none
  ...about(
    "subscription",
    itsSubscription,
    "subscription_schedule.created",
    "subscription_schedule.updated",
    "subscription_schedule.released",
    "subscription_schedule.canceled",
    "subscription_schedule.completed",
    "subscription_schedule.aborted",
  ),
  ...about(
    "invoice",
    itself,
    "invoice.created",
    "invoice.deleted",
    "invoice.finalized",
    "invoice.updated",
    "invoice.paid",
    "invoice.payment_failed",
    "invoice.payment_action_required",
    "invoice.voided",
    "invoice.marked_uncollectible",
  ),
  ...about("invoice", itsInvoice, "invoice_payment.paid", "credit_note.created", "credit_note.voided"),
  ...about(
    "payment_intent",
    itself,
    "payment_intent.processing",
    "payment_intent.requires_action",
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
  ),
  ...about(
    "payment_intent",
    itsPayment,
    "charge.updated",
    "charge.refunded",
    "charge.refund.updated",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "refund.created",
    "refund.updated",
    "refund.failed",
  ),
]);

/** The events that the webhook endpoint asks Stripe for. */
export const LISTENED_EVENTS: readonly string[] = [...TABLE.keys()];

/** What an event is about, as something that can be synced. */
export interface Subject {
  aggregate: Aggregate;
  id: string;
  /** The Stripe customer whose it is, as far as the event says: what is one customer's is worked on together. */
  customer: string | null;
}

/** What an event is about; null for what the service has no use for. */
export function subjectOf(type: string, data: unknown): Subject | null {
  const entry = TABLE.get(type);
  const payload = data as Payload | null | undefined;
  if (!entry || !payload?.object) return null;
  const id = idIn(entry.subject(payload));
  if (id === null) return null;
  const { aggregate } = entry;
  return { aggregate, id, customer: aggregate === "customer" ? id : idIn(payload.object.customer) };
}

/** Whoever makes products and prices may name them; nothing at all, and a step within a path, name none. */
const ID = /^(?!\.{1,2}$).{1,255}$/s;

/** An id as Stripe gives it, alone or in the object that it expands to. */
function idIn(reference: unknown): string | null {
  const id = typeof reference === "string" ? reference : (reference as { id?: unknown } | null)?.id;
  return typeof id === "string" && ID.test(id) ? id : null;
}
