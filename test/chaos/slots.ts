import { isPseudonym } from "./anonymized.ts";
import { checkoutAnswer } from "./operations/learner.ts";
import { idOf, knownLearners, type StripeState } from "./stripe-state.ts";
import type { Learner, World } from "./world.ts";

const LIVE = ["trialing", "active", "past_due", "unpaid", "paused"];

/** Nobody is locked out, and nobody can buy twice: each learner who has been here tries to open a checkout. */
export async function slotFaults(world: World, state: StripeState): Promise<string[]> {
  // a pseudonym has no token, and whose it was is refused otherwise
  const known = knownLearners(world, state).filter(({ id }) => !isPseudonym(id));
  return (await Promise.all(known.map((learner) => faultsOfSlot(world, state, learner)))).flat();
}

async function faultsOfSlot(world: World, state: StripeState, learner: Learner): Promise<string[]> {
  const faults: string[] = [];
  const live = state.subscriptions.filter(
    ({ customer, status }) => state.ownerOf(customer) === learner.id && LIVE.includes(status),
  );
  const answer = await answered(world, learner);
  const code = answer ? (answer.errors?.[0]?.extensions.code ?? "open") : "no answer";
  const due = live.length > 0 ? "ALREADY_SUBSCRIBED" : "open";
  if (code !== due)
    faults.push(
      `${learner.id} has ${live.length} live subscriptions; their next checkout: ${code}, due ${due}`,
    );
  const slots = await world.rows<{ holder: string }>(
    `select stripe_subscription_id as holder from subscription_slots
     where user_id = $1 and stripe_subscription_id is not null`,
    [learner.id],
  );
  for (const { holder } of slots)
    if (!live.some(({ id }) => id === holder))
      faults.push(`the slot of ${learner.id} is held by ${holder}, which is not live`);
  return faults;
}

/** A connection that was kept may have been cut with an earlier process, and a busy machine takes its time. */
async function answered(world: World, learner: Learner) {
  for (let tries = 0; tries < 20; tries++) {
    const answer = await checkoutAnswer(world, learner);
    if (answer) return answer;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return undefined;
}

/** What came in, less what went back, is the same on both sides, for each currency. */
export async function moneyFaults(world: World, state: StripeState): Promise<string[]> {
  const rows = await world.rows<{ currency: string; net: string }>(
    `select currency, sum(amount_received_minor - amount_refunded_minor) as net from payments
     where user_id = any($1) group by currency`,
    [world.learners.map(({ id }) => id)],
  );
  const ours = new Map(rows.map(({ currency, net }) => [currency, Number(net)]));
  const theirs = new Map<string, number>();
  const add = (currency: string, amount: number) =>
    theirs.set(currency.toUpperCase(), (theirs.get(currency.toUpperCase()) ?? 0) + amount);
  for (const { status, currency, amount } of state.charges) if (status === "succeeded") add(currency, amount);
  const charges = new Set(state.charges.map(({ id }) => id));
  for (const { status, currency, amount, charge } of state.refunds)
    if (charges.has(idOf(charge) ?? "") && status !== "failed" && status !== "canceled")
      add(currency, -amount);
  return [...new Set([...ours.keys(), ...theirs.keys()])]
    .filter((currency) => (ours.get(currency) ?? 0) !== (theirs.get(currency) ?? 0))
    .map((currency) => `${currency}: ${ours.get(currency)} in our rows, ${theirs.get(currency)} at Stripe`);
}
