import type Stripe from "stripe";
import { v5 } from "uuid";
import { isPseudonym } from "./anonymized.ts";
import { idOf, type StripeState } from "./stripe-state.ts";
import type { World } from "./world.ts";

/** The namespace of ids of facts: part of the contract with consumers, so it is written here once more. */
const FACTS = "5b0f2c1e-6d0a-5a53-9f0e-3a6cbe6c9a10";
const idOfFact = (type: string, ...fact: string[]) => v5([type, ...fact].join(":"), FACTS);

interface Published {
  id: string;
  type: string;
  subject: string;
}

/** What was published in this history, in order, repeats included. */
export async function readStream(world: World): Promise<Published[]> {
  const entries = await world.stream.xrange("payment-events", "-", "+");
  return entries.map(([, fields]) => JSON.parse(fields[1] as string));
}

/** What subscriptions that renew are charged to. */
function cardsInUse({ subscriptions, customers, methods }: StripeState): Stripe.PaymentMethod[] {
  const renewing = subscriptions.filter(
    ({ status, cancel_at_period_end, cancel_at }) =>
      ["trialing", "active", "past_due"].includes(status) && !cancel_at_period_end && cancel_at === null,
  );
  return renewing.flatMap(({ customer, default_payment_method: own }) => {
    const theirs = customers.find(({ id }) => id === idOf(customer))?.invoice_settings.default_payment_method;
    const charged = idOf(own) ?? idOf(theirs);
    return (methods.get(idOf(customer) ?? "") ?? []).filter(({ id }) => id === charged);
  });
}

/** At the end of this month or of the next; a month that has just begun is left out, since it may have done so meanwhile. */
function expiresSoon({ exp_year, exp_month }: Stripe.PaymentMethod.Card, now: Date): boolean {
  const ahead = (at: Date) => (exp_year - at.getUTCFullYear()) * 12 + exp_month - 1 - at.getUTCMonth();
  return [now, new Date(now.getTime() - 600_000)].every((at) => ahead(at) === 0 || ahead(at) === 1);
}

/** Facts at Stripe that must have been told, by the id that each must have. */
async function factsOf(world: World, state: StripeState): Promise<Map<string, string>> {
  const facts = new Map<string, string>();
  const tell = (type: string, ...fact: string[]) =>
    facts.set(idOfFact(type, ...fact), `${type} of ${fact.join(" ")}`);
  for (const { id, status, amount } of state.charges)
    if (amount > 0 && status !== "pending")
      tell(status === "succeeded" ? "payment.succeeded" : "payment.failed", id);
  for (const { id, status } of state.refunds) {
    tell("payment.refunded", id);
    if (status === "failed" || status === "canceled") tell("payment.refund_failed", id);
  }
  for (const { id, status } of state.disputes) {
    if (!status.startsWith("warning_") && status !== "prevented") tell("payment.disputed", id);
    if (status === "won" || status === "lost") tell("payment.dispute_closed", id, status.toUpperCase());
  }
  for (const { id, card } of cardsInUse(state))
    if (card && expiresSoon(card, world.sandbox.now()))
      tell("payment_method.expiring", id, String(card.exp_year), String(card.exp_month));
  const rows = await world.rows<{ id: string; stripe_subscription_id: string }>(
    "select id, stripe_subscription_id from subscriptions where user_id = any($1)",
    [world.learners.map(({ id }) => id)],
  );
  for (const { id: ours, stripe_subscription_id } of rows) {
    const remote = state.subscriptions.find(({ id }) => id === stripe_subscription_id);
    const wasPaid = state.invoices.some(
      ({ invoice }) =>
        invoice.parent?.subscription_details?.subscription === stripe_subscription_id &&
        invoice.status === "paid",
    );
    if (!remote || remote.status === "incomplete" || remote.status === "incomplete_expired") continue;
    if (remote.status === "canceled" && !wasPaid) continue; // it may never have been more than incomplete
    tell("subscription.created", ours);
    if (remote.status === "canceled") tell("subscription.cancelled", ours);
  }
  return facts;
}

/** What was not told, told under two ids, or told out of order. */
export async function eventFaults(
  world: World,
  state: StripeState,
  published: Published[],
): Promise<string[]> {
  const users = world.learners.map(({ id }) => id);
  const rows = await world.rows<{
    id: string;
    user_id: string;
    sequence: string;
    type: string;
    data: Record<string, unknown>;
    sent: boolean;
  }>(
    "select id, user_id, sequence, type, data, sent_at is not null as sent from outbox where user_id = any($1) order by user_id, sequence",
    [users],
  );
  const faults: string[] = [];
  const streamed = new Set(published.map(({ id }) => id));
  // what was told of whoever was anonymised is taken from the stream
  const forgotten = rows.filter(({ user_id, sent }) => sent && isPseudonym(user_id)).map(({ id }) => id);
  const told = new Set([...streamed, ...forgotten]);
  for (const [id, fact] of await factsOf(world, state))
    if (!told.has(id)) faults.push(`nobody was told: ${fact}`);
  for (const { id, type } of rows) if (!told.has(id)) faults.push(`in the outbox, never sent: ${type} ${id}`);
  for (const id of new Set(published.filter(({ subject }) => users.includes(subject)).map((one) => one.id)))
    if (!rows.some((row) => row.id === id)) faults.push(`sent, but not in the outbox: ${id}`);
  const said = new Map<string, string>();
  for (const { id, type, data } of rows) {
    if (type.startsWith("payment.")) continue; // several attempts may look alike; their ids are those of the charges
    const key = `${type} ${JSON.stringify(data)}`;
    if (type !== "access.changed" && said.has(key)) faults.push(`told under two ids: ${key}`);
    said.set(key, id);
  }
  for (const user of users) {
    const order = [...new Set(published.filter(({ subject }) => subject === user).map(({ id }) => id))];
    const due = rows.filter(({ user_id }) => user_id === user).map(({ id }) => id);
    if (order.join() !== due.filter((id) => streamed.has(id)).join())
      faults.push(`the events of ${user} were sent out of order`);
  }
  return faults;
}
