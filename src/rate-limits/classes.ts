/** What is counted apart: each caller has so many of each within its window. */
export const RATE_CLASSES = ["reads", "mutations", "checkouts", "codes"] as const;
export type RateClass = (typeof RATE_CLASSES)[number];

/** What may move money, or try a card: whoever has stolen cards tests them with these. */
const CHECKOUTS = new Set([
  "createCheckoutSession",
  "createSubscription",
  "createPurchase",
  "changePlan",
  "createSetupIntent",
  "addPaymentMethod",
]);

/** Queries that cost as much as a change: a call to Stripe, or all that there is of somebody. */
const COSTLY = new Set(["previewPlanChange", "userDataExport"]);

/**
 * The classes that one call of a root field counts in. A code that comes along counts as a guess, wherever it is
 * entered, and is counted first: who may not guess any more shall not learn it from the checkout.
 */
export function classesOf(
  type: "Query" | "Mutation" | "Subscription",
  field: string,
  args: object,
): RateClass[] {
  if (type === "Subscription") return ["reads"];
  if (type === "Query") return [COSTLY.has(field) ? "mutations" : "reads"];
  const classes: RateClass[] = [CHECKOUTS.has(field) ? "checkouts" : "mutations"];
  return field === "redeemPromotion" || bringsCode(args) ? ["codes", ...classes] : classes;
}

const bringsCode = ({ input }: { input?: { promotionCode?: unknown } }) => input?.promotionCode != null;
