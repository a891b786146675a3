import { integer, list, object, oneOf, required, text, unsettable } from "../params.ts";

// Parameters that several resources take, each described once.

/** Stripe's `discounts`: coupons, promotion codes or discounts to redeem, or '' for none at all. */
export const discounts = unsettable(
  list(object({ coupon: text(), discount: text(), promotion_code: text() })),
);

export const interval = oneOf("day", "week", "month", "year");

/** How often a price, or a phase, recurs. */
export const recurrence = { interval: required(interval), interval_count: integer({ min: 1, max: 1095 }) };

export const taxBehavior = oneOf("exclusive", "inclusive", "unspecified");

/** There is no tax, so that none is wanted is all that may be said. */
export const noAutomaticTax = object({ enabled: required(oneOf("false")) });

export const collectionMethod = oneOf("charge_automatically", "send_invoice");

export const prorationBehavior = oneOf("always_invoice", "create_prorations", "none");

/** What becomes of a subscription whose trial ends and that nobody can be charged for. */
export const missingPaymentMethod = oneOf("cancel", "create_invoice", "pause");

/** Why a customer cancels. */
export const feedback = oneOf(
  "customer_service",
  "low_quality",
  "missing_features",
  "other",
  "switched_service",
  "too_complex",
  "too_expensive",
  "unused",
);

/** The fields of a seller's own that invoices show. */
export const customFields = unsettable(
  list(object({ name: required(text({ max: 40 })), value: required(text({ max: 140 })) })),
);
