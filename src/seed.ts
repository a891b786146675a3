import type { EntityManager } from "@mikro-orm/postgresql";
import { Plan, type PlanFeature } from "./entities/plan.ts";

const standard: PlanFeature[] = [
  { key: "standard_content", name: "All standard courses and learning paths", limit: null },
  { key: "lab_minutes", name: "Hands-on lab minutes", limit: 600 },
];

type PlanSeed = Pick<
  Plan,
  "name" | "tier" | "description" | "amountMinor" | "interval" | "features" | "lookupKey"
>;

const PLANS: readonly PlanSeed[] = [
  {
    name: "Free",
    tier: "FREE",
    description: "Course previews and the community.",
    amountMinor: 0,
    interval: null,
    features: [{ key: "previews", name: "Course previews", limit: null }],
    lookupKey: null,
  },
  {
    name: "Premium",
    tier: "PREMIUM",
    description: "The whole platform, month by month.",
    amountMinor: 3_900,
    interval: "MONTH",
    features: standard,
    lookupKey: "premium_monthly",
  },
  {
    name: "Premium Annual",
    tier: "PREMIUM",
    description: "The whole platform for a year, at the price of nine months.",
    amountMinor: 34_800,
    interval: "YEAR",
    features: standard,
    lookupKey: "premium_annual",
  },
  {
    name: "Enterprise",
    tier: "ENTERPRISE",
    description: "The whole platform for a team, by the seat.",
    amountMinor: 9_900,
    interval: "MONTH",
    features: [
      ...standard.slice(0, 1),
      { key: "lab_minutes", name: "Hands-on lab minutes", limit: null },
      { key: "team_seats", name: "Seats for a team", limit: null },
    ],
    lookupKey: "enterprise_monthly",
  },
];

/** Adds the four plans that are not on sale yet, by name; leaves every existing row as it is. Returns the names added. */
export async function seedPlans(em: EntityManager): Promise<string[]> {
  const known = new Set((await em.findAll(Plan, { fields: ["name"] })).map((plan) => plan.name));
  const missing = PLANS.filter(({ name }) => !known.has(name));
  for (const plan of missing)
    em.persist(Object.assign(new Plan(), plan, { currency: "USD", trialDays: 0, isActive: true }));
  await em.flush();
  return missing.map(({ name }) => name);
}
