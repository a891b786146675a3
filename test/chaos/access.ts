import type Stripe from "stripe";
import { billedBy, idOf, type StripeState } from "./stripe-state.ts";
import type { World } from "./world.ts";

const DAY = 86_400;
const MARGIN = 2 * DAY;
const GRACE = 7 * DAY;
/** Grants that end within so many seconds of now are neither there nor gone. */
const NOW_IS = 20;

/** What the design's table (§4) says a subscription opens, and until when; worked out from Stripe's objects alone. */
export function dueAccess(
  subscription: Stripe.Subscription,
  state: StripeState,
): { source: "SUBSCRIPTION" | "TRIAL"; until: number } | null {
  const bills = state.invoices.filter(({ invoice }) => billedBy(invoice) === subscription.id);
  const paid = bills.filter(({ invoice }) => invoice.status === "paid");
  const ends = state.invoices
    .filter(({ invoice }) => invoice.status === "paid")
    .flatMap(({ invoice }) => invoice.lines.data)
    .filter((line) => idOf(line.parent?.subscription_item_details?.subscription) === subscription.id)
    .map((line) => line.period.end);
  const paidThrough = ends.length > 0 ? Math.max(...ends) : null;
  const wasEverPaid = paid.some(({ invoice }) => invoice.amount_paid > 0);
  const isEnding = subscription.cancel_at_period_end || subscription.cancel_at !== null;
  const through = (until: number | null, more = 0) =>
    until === null ? null : ({ source: "SUBSCRIPTION", until: until + more } as const);
  switch (subscription.status) {
    case "trialing": {
      const margin = hasMethod(subscription, state) && !isEnding ? MARGIN : 0;
      return { source: "TRIAL", until: (subscription.trial_end as number) + margin };
    }
    case "active":
      return through(paidThrough, isEnding ? 0 : MARGIN);
    case "past_due":
      return wasEverPaid ? through(firstFailure(bills, state) ?? paidThrough, GRACE) : null;
    case "paused":
      return wasEverPaid ? through(paidThrough) : null;
    case "canceled":
      return through(paidThrough === null ? null : Math.min(paidThrough, subscription.ended_at as number));
    default:
      return null;
  }
}

function hasMethod(subscription: Stripe.Subscription, { customers }: StripeState): boolean {
  const customer = customers.find(({ id }) => id === idOf(subscription.customer));
  return Boolean(subscription.default_payment_method ?? customer?.invoice_settings.default_payment_method);
}

/** When the oldest invoice that is owed was declined for the first time. One written off before a paid one is history. */
function firstFailure(bills: StripeState["invoices"], { charges }: StripeState): number | null {
  const lastPaid = Math.max(
    ...bills.filter(({ invoice }) => invoice.status === "paid").map(({ invoice }) => invoice.created),
    Number.NEGATIVE_INFINITY,
  );
  const [owed] = bills
    .filter(
      ({ invoice: { status, created } }) =>
        status === "open" || (status === "uncollectible" && created > lastPaid),
    )
    .sort((left, right) => left.invoice.created - right.invoice.created);
  const intents = new Set(owed?.payments.map(({ payment }) => idOf(payment.payment_intent)));
  const declined = charges
    .filter((charge) => charge.status === "failed" && intents.has(idOf(charge.payment_intent)))
    .map(({ created }) => created);
  return declined.length > 0 ? Math.min(...declined) : null;
}

/** Where the grants in force differ from what is due. */
export async function accessFaults(world: World, state: StripeState): Promise<string[]> {
  const now = world.sandbox.now().getTime() / 1_000;
  const faults: string[] = [];
  const known = await world.rows<{ id: string; stripe_subscription_id: string }>(
    "select id, stripe_subscription_id from subscriptions where user_id = any($1)",
    [world.learners.map(({ id }) => id)],
  );
  const grants = await world.rows<{ source: string; source_id: string; expires_at: Date | null }>(
    "select source, source_id, expires_at from user_access where user_id = any($1) and revoked_at is null",
    [world.learners.map(({ id }) => id)],
  );
  for (const subscription of state.subscriptions) {
    const row = known.find((one) => one.stripe_subscription_id === subscription.id);
    const due = dueAccess(subscription, state);
    const isDue = due !== null && due.until > now + NOW_IS;
    const given = grants
      .filter(({ source_id }) => source_id === row?.id)
      .map(({ source, expires_at }) => ({ source, until: Number(expires_at) / 1_000 }))
      .filter(({ until }) => until > now + NOW_IS);
    if (JSON.stringify(given) !== JSON.stringify(isDue ? [due] : []))
      faults.push(
        `access by ${subscription.id} (${subscription.status}): ${say(given)}, due ${say(isDue ? [due] : [])}`,
      );
  }
  return faults;
}

const say = (grants: { source: string; until: number }[]) =>
  grants
    .map(({ source, until }) => `${source} until ${new Date(until * 1_000).toISOString()}`)
    .join(" and ") || "none";
