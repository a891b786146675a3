/** What a list of users shows of their subscriptions, which are a quarter of their columns. */
export const BRIEF_COLUMNS = ["id", "userId", "status", "planId", "quantity", "duplicateOf"] as const;

/** Fields of a subscription that those columns are enough for. */
export const BRIEF_FIELDS = ["__typename", "id", "status", "quantity", "plan", "user"];

/** Fields that no subscription has, so that they say nothing about what is needed of one. */
export const OTHER_FIELDS = [
  ...[
    "_entities",
    "subscription",
    "subscriptionStatus",
    "name",
    "tier",
    "description",
    "interval",
    "trialDays",
  ],
  ...["features", "key", "limit", "price", "monthlyPrice", "amount", "currency", "isActive"],
];

const ENOUGH = new Set([...BRIEF_FIELDS, ...OTHER_FIELDS]);
const known = new WeakMap<ReadonlySet<string>, boolean>();

/** Whether an operation that asks for these fields, anywhere in it, needs no more of a subscription. A new field does. */
export function isBrief(asks: ReadonlySet<string> | undefined): boolean {
  if (!asks) return false;
  const answer = known.get(asks) ?? [...asks].every((name) => ENOUGH.has(name));
  known.set(asks, answer);
  return answer;
}
