import type { EntityManager } from "@mikro-orm/postgresql";
import type Stripe from "stripe";
import { validate as isUuid } from "uuid";
import { Plan } from "../entities/plan.ts";
import type { Subscription } from "../entities/subscription.ts";
import { SCHEDULED_PLAN } from "../stripe/metadata.ts";
import type { BillingInterval } from "../types/enums.ts";
import { rowsOf } from "./look-ahead.ts";
import { currencyOf, instantOf, wordOf } from "./values.ts";

/**
 * The plan of a subscription: the one it had while its price is the same, else the one with its price. A price that
 * is nobody's plan here (sold in Stripe's dashboard, say) becomes a plan that is not on sale: what Stripe says fits.
 */
export async function planOf(
  tx: EntityManager,
  remote: Stripe.Subscription,
  known: Subscription | null,
): Promise<string | null> {
  const price = remote.items.data[0]?.price;
  if (!price) return known?.planId ?? null;
  if (known?.planId && known.stripePriceId === price.id) return known.planId;
  return planWith(tx, price);
}

type Scheduled = Pick<
  Subscription,
  "scheduledPriceId" | "scheduledPlanId" | "scheduledQuantity" | "scheduledAt"
>;
const NOTHING: Scheduled = {
  ...{ scheduledPriceId: null, scheduledPlanId: null },
  ...{ scheduledQuantity: null, scheduledAt: null },
};

/**
 * What follows on today's price: the first later phase of its schedule that differs, or Free when that was asked for
 * instead of a plain cancel.
 */
export async function scheduledOf(
  tx: EntityManager,
  remote: Stripe.Subscription,
  known: Subscription | null,
): Promise<Scheduled> {
  if (remote.ended_at !== null) return NOTHING;
  const next = laterPhase(remote);
  if (!next) return freeOf(tx, remote);
  const [item] = next.items;
  const price = item?.price as Stripe.Price;
  const isKnown = known?.scheduledPlanId && known.scheduledPriceId === price.id;
  return {
    scheduledPriceId: price.id,
    scheduledPlanId: isKnown ? known.scheduledPlanId : await planWith(tx, price),
    scheduledQuantity: item?.quantity ?? 1,
    scheduledAt: instantOf(next.start_date),
  };
}

async function freeOf(tx: EntityManager, { cancel_at, metadata }: Stripe.Subscription): Promise<Scheduled> {
  const id = metadata[SCHEDULED_PLAN];
  const plan = cancel_at !== null && isUuid(id) ? await tx.findOne(Plan, { id }) : null;
  return plan?.isFree ? { ...NOTHING, scheduledPlanId: plan.id, scheduledAt: instantOf(cancel_at) } : NOTHING;
}

function laterPhase({ schedule, items }: Stripe.Subscription): Stripe.SubscriptionSchedule.Phase | undefined {
  if (!schedule || typeof schedule === "string") return undefined;
  const from = schedule.current_phase?.end_date;
  if (from === undefined) return undefined;
  const [today] = items.data;
  return schedule.phases.find(({ start_date, items: [first] }) => {
    const price = first?.price;
    if (start_date < from || typeof price !== "object") return false;
    return price.id !== today?.price.id || (first?.quantity ?? 1) !== (today.quantity ?? 1);
  });
}

async function planWith(tx: EntityManager, price: Stripe.Price): Promise<string> {
  const read = rowsOf(tx, Plan).find((plan) => plan.stripePriceId === price.id);
  const known = read ?? (await tx.findOne(Plan, { stripePriceId: price.id }));
  return (known ?? (await soldElsewhere(tx, price))).id;
}

async function soldElsewhere(tx: EntityManager, price: Stripe.Price): Promise<Plan> {
  const interval = wordOf<BillingInterval>(price.recurring?.interval ?? "month");
  const row = {
    ...new Plan(),
    name: price.nickname ?? price.lookup_key ?? price.id,
    tier: "PREMIUM",
    amountMinor: price.unit_amount ?? 0,
    currency: currencyOf(price.currency),
    interval: interval === "YEAR" ? "YEAR" : "MONTH",
    ...{ trialDays: 0, features: [], isActive: false, stripePriceId: price.id },
  } as const;
  // two users may bring the same price at once
  return tx.upsert(Plan, row, { onConflictFields: ["stripePriceId"], onConflictAction: "ignore" });
}
