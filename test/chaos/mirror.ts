import type Stripe from "stripe";
import { isPseudonym } from "./anonymized.ts";
import { differences, type Row, type Rows, rowsOf } from "./rows.ts";
import { billedBy, idOf, type StripeState } from "./stripe-state.ts";
import type { World } from "./world.ts";

/** As much of a world as is looked at here. */
type Seen = Pick<World, "learners" | "rows" | "foreign">;

/** A date as both sides can say it: Stripe counts seconds. */
const at = (seconds: number | null | undefined) =>
  seconds == null ? null : new Date(seconds * 1_000).toISOString();
const upper = (word: string) => word.toUpperCase();
const sum = (amounts: number[]) => amounts.reduce((total, amount) => total + amount, 0);

/** The rows that the mirror must hold for what Stripe says, by table: written from the meaning of the columns. */
const TABLES: Record<string, { key: string; rows(state: StripeState): [string, Row][] }> = {
  customers: { key: "stripe_customer_id", rows: customerRows },
  payment_methods: {
    key: "stripe_payment_method_id",
    rows: ({ customers, methods, ownerOf }) =>
      customers.flatMap(({ id, invoice_settings: { default_payment_method } }) =>
        (methods.get(id) ?? []).map((method): [string, Row] => [
          method.id,
          {
            user_id: ownerOf(id) as string,
            type: method.type,
            brand: method.card?.brand ?? null,
            last4: method.card?.last4 ?? null,
            exp_month: method.card?.exp_month ?? null,
            exp_year: method.card?.exp_year ?? null,
            is_default: method.id === idOf(default_payment_method),
          },
        ]),
      ),
  },
  checkout_sessions: {
    key: "id",
    rows: ({ sessions, ownerOf }) =>
      sessions.map((session) => [
        session.id,
        {
          user_id: ownerOf(session.customer) as string,
          intent_id: session.metadata?.cmh_intent_id ?? null,
          mode: session.mode,
          status: session.status,
          payment_status: session.payment_status,
          stripe_subscription_id: idOf(session.subscription),
          expires_at: at(session.expires_at),
        },
      ]),
  },
  subscriptions: { key: "stripe_subscription_id", rows: subscriptionRows },
  invoices: {
    key: "stripe_invoice_id",
    rows: ({ invoices, ownerOf }) =>
      invoices.map(({ invoice }) => [
        invoice.id,
        {
          user_id: ownerOf(invoice.customer) as string,
          stripe_subscription_id: billedBy(invoice),
          number: invoice.number,
          status: upper(invoice.status ?? "draft"),
          currency: upper(invoice.currency),
          subtotal_minor: invoice.subtotal,
          tax_minor: sum((invoice.total_taxes ?? []).map(({ amount }) => amount)),
          total_minor: invoice.total,
          amount_paid_minor: invoice.amount_paid,
          amount_due_minor: invoice.amount_due,
          period_start: at(invoice.period_start),
          period_end: at(invoice.period_end),
          issued_at: at(invoice.status_transitions.finalized_at),
          paid_at: at(invoice.status_transitions.paid_at),
          next_payment_attempt_at: at(invoice.next_payment_attempt),
        },
      ]),
  },
  invoice_lines: {
    key: "stripe_line_id",
    rows: ({ invoices }) =>
      invoices.flatMap(({ invoice }) =>
        invoice.lines.data.map((line, position): [string, Row] => [
          line.id,
          {
            stripe_invoice_id: invoice.id,
            stripe_subscription_id: idOf(
              line.parent?.subscription_item_details?.subscription ?? line.subscription,
            ),
            position,
            description: line.description ?? "",
            quantity: line.quantity ?? null,
            amount_minor: line.amount,
            currency: upper(line.currency),
            period_start: at(line.period.start),
            period_end: at(line.period.end),
          },
        ]),
      ),
  },
  invoice_payments: {
    key: "stripe_invoice_payment_id",
    rows: ({ invoices }) =>
      invoices.flatMap(({ invoice, payments }) =>
        payments
          .filter(({ payment }) => payment.payment_intent)
          .map((link): [string, Row] => [
            link.id,
            {
              stripe_invoice_id: invoice.id,
              stripe_payment_intent_id: idOf(link.payment.payment_intent),
              status: link.status,
            },
          ]),
      ),
  },
  payments: { key: "stripe_payment_intent_id", rows: paymentRows },
  charges: {
    key: "stripe_charge_id",
    rows: ({ charges, ownerOf }) =>
      charges.map((charge) => [
        charge.id,
        {
          user_id: ownerOf(charge.customer) as string,
          stripe_payment_intent_id: idOf(charge.payment_intent),
          status: charge.status,
          amount_minor: charge.amount,
          amount_refunded_minor: charge.amount_refunded,
          currency: upper(charge.currency),
        },
      ]),
  },
  refunds: {
    key: "stripe_refund_id",
    rows: ({ refunds }) =>
      refunds.map((refund) => [
        refund.id,
        {
          stripe_charge_id: idOf(refund.charge),
          amount_minor: refund.amount,
          currency: upper(refund.currency),
          status: refund.status,
          failure_reason: refund.failure_reason ?? null,
          access: refund.metadata?.cmh_refunded_access ?? null,
        },
      ]),
  },
  disputes: {
    key: "stripe_dispute_id",
    rows: ({ disputes }) =>
      disputes.map((dispute) => [
        dispute.id,
        {
          stripe_charge_id: idOf(dispute.charge),
          amount_minor: dispute.amount,
          currency: upper(dispute.currency),
          status: dispute.status,
          reason: dispute.reason,
        },
      ]),
  },
};

/** One row a learner: their customer, or the last one they had when that was deleted. */
function customerRows({ customers, ownerOf }: StripeState): [string, Row][] {
  return customers.map((customer) => [
    customer.id,
    {
      user_id: ownerOf(customer.id) as string,
      // whoever writes one there again writes it of nobody
      email: isPseudonym(ownerOf(customer.id) as string) ? null : customer.email,
      currency: customer.currency ? upper(customer.currency) : null,
      default_payment_method_id: idOf(customer.invoice_settings.default_payment_method),
      is_deleted: false,
    },
  ]);
}

function subscriptionRows({ subscriptions, customers, ownerOf }: StripeState): [string, Row][] {
  return subscriptions.map((subscription) => {
    const { data: items } = subscription.items;
    const customer = customers.find(({ id }) => id === idOf(subscription.customer));
    const method =
      subscription.default_payment_method ?? customer?.invoice_settings.default_payment_method ?? null;
    return [
      subscription.id,
      {
        user_id: ownerOf(subscription.customer) as string,
        stripe_price_id: items[0]?.price.id ?? "",
        status: upper(subscription.status),
        quantity: items[0]?.quantity ?? 1,
        current_period_start: at(items[0]?.current_period_start),
        current_period_end: at(items[0]?.current_period_end),
        trial_ends_at: at(subscription.trial_end),
        cancel_at_period_end: subscription.cancel_at_period_end,
        cancel_at: at(subscription.cancel_at),
        canceled_at: at(subscription.canceled_at),
        ended_at: at(subscription.ended_at),
        pending_invoice_id: subscription.pending_update ? idOf(subscription.latest_invoice) : null,
        cancellation_reason: subscription.cancellation_details?.reason ?? null,
        default_payment_method_id: idOf(subscription.default_payment_method),
        // of interest only for how long a trial is trusted
        ...(subscription.status === "trialing" && { has_payment_method: method !== null }),
      },
    ];
  });
}

const STANDS = ["failed", "canceled"];
const TAKEN = (status: string) =>
  status !== "won" && status !== "prevented" && !status.startsWith("warning_");
const BY_STATUS: Record<string, string> = {
  requires_payment_method: "PENDING",
  requires_confirmation: "PENDING",
  requires_action: "REQUIRES_ACTION",
  requires_capture: "PROCESSING",
  processing: "PROCESSING",
  succeeded: "SUCCEEDED",
  canceled: "CANCELED",
};

function paymentRows({ intents, charges, refunds, disputes, ownerOf }: StripeState): [string, Row][] {
  return intents.map((intent) => {
    const tried = charges.filter((charge) => idOf(charge.payment_intent) === intent.id);
    const isOfIt = ({ charge }: { charge: string | Stripe.Charge | null }) =>
      tried.some(({ id }) => id === idOf(charge));
    const back = sum(
      refunds.filter((one) => isOfIt(one) && !STANDS.includes(one.status ?? "")).map((one) => one.amount),
    );
    // lists are newest first; where a bank asked and was refused there is no charge
    const wasRefused = tried[0]?.status === "failed" || intent.last_payment_error != null;
    const hasFailed = intent.status === "requires_payment_method" && wasRefused;
    const status = disputes.some((one) => isOfIt(one) && TAKEN(one.status))
      ? "DISPUTED"
      : back > 0
        ? back >= intent.amount_received
          ? "REFUNDED"
          : "PARTIALLY_REFUNDED"
        : hasFailed
          ? "FAILED"
          : (BY_STATUS[intent.status] as string);
    return [
      intent.id,
      {
        user_id: ownerOf(intent.customer) as string,
        amount_minor: intent.amount,
        amount_refunded_minor: back,
        currency: upper(intent.currency),
        status,
      },
    ];
  });
}

/** Where the mirror and Stripe differ, field by field; nothing when they say the same. */
export async function mirrorFaults(world: Seen, state: StripeState): Promise<string[]> {
  const users = world.learners.map(({ id }) => id);
  const faults: string[] = [];
  for (const [table, { key, rows }] of Object.entries(TABLES)) {
    const expected: Rows = new Map(rows(state));
    const actual = await rowsOf(world, table, key, users);
    if (table === "customers") forgiveReplaced(state, expected, actual);
    for (const [id, row] of expected) faults.push(...differences(`${table} ${id}`, row, actual.get(id)));
    for (const id of actual.keys()) if (!expected.has(id)) faults.push(`${table} ${id} is not at Stripe`);
  }
  const strangers = await world.rows("select 1 from customers where stripe_customer_id = any($1)", [
    world.foreign,
  ]);
  if (strangers.length > 0) faults.push("another program's customer is in the mirror");
  return faults;
}

/** A deleted customer is a row that says so; of one who got another there is only the other. */
function forgiveReplaced({ customers, ownerOf }: StripeState, expected: Rows, actual: Rows): void {
  for (const [id, row] of actual) {
    const isReplaced = customers.some((customer) => ownerOf(customer.id) === row.user_id);
    if (!expected.has(id) && row.is_deleted === true && !isReplaced) actual.delete(id);
  }
}
