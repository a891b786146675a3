import type { EntityManager } from "@mikro-orm/postgresql";
import type Stripe from "stripe";
import { Plan } from "../entities/plan.ts";
import type { Subscription } from "../entities/subscription.ts";
import type { BillingInterval } from "../types/enums.ts";
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

/** What a schedule puts in the place of today's price: the first later phase with another one. */
export async function scheduledOf(
  tx: EntityManager,
  remote: Stripe.Subscription,
  known: Subscription | null,
): Promise<Pick<Subscription, "scheduledPriceId" | "scheduledPlanId" | "scheduledAt">> {
  const next = remote.ended_at === null ? laterPhase(remote) : undefined;
  if (!next) return { scheduledPriceId: null, scheduledPlanId: null, scheduledAt: null };
  const price = next.items[0]?.price as Stripe.Price;
  const isKnown = known?.scheduledPlanId && known.scheduledPriceId === price.id;
  return {
    scheduledPriceId: price.id,
    scheduledPlanId: isKnown ? known.scheduledPlanId : await planWith(tx, price),
    scheduledAt: instantOf(next.start_date),
  };
}

function laterPhase({ schedule, items }: Stripe.Subscription): Stripe.SubscriptionSchedule.Phase | undefined {
  if (!schedule || typeof schedule === "string") return undefined;
  const from = schedule.current_phase?.end_date;
  if (from === undefined) return undefined;
  return schedule.phases.find(({ start_date, items: [first] }) => {
    const price = first?.price;
    return start_date >= from && typeof price === "object" && price.id !== items.data[0]?.price.id;
  });
}

async function planWith(tx: EntityManager, price: Stripe.Price): Promise<string> {
  return ((await tx.findOne(Plan, { stripePriceId: price.id })) ?? (await soldElsewhere(tx, price))).id;
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
