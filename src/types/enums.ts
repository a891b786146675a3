import { registerEnumType } from "type-graphql";

/** The words of the contract, as objects so that GraphQL, TypeScript and the database share them. */
const words = <const T extends string>(...list: T[]) =>
  Object.fromEntries(list.map((word) => [word, word])) as { [K in T]: K };

export const PlanTier = words("FREE", "PREMIUM", "ENTERPRISE");
export type PlanTier = keyof typeof PlanTier;
registerEnumType(PlanTier, { name: "PlanTier" });

export const BillingInterval = words("MONTH", "YEAR");
export type BillingInterval = keyof typeof BillingInterval;
registerEnumType(BillingInterval, { name: "BillingInterval" });

export const SubscriptionStatus = words(
  "INCOMPLETE",
  "INCOMPLETE_EXPIRED",
  "TRIALING",
  "ACTIVE",
  "PAST_DUE",
  "PAUSED",
  "CANCELED",
  "UNPAID",
);
export type SubscriptionStatus = keyof typeof SubscriptionStatus;
registerEnumType(SubscriptionStatus, {
  name: "SubscriptionStatus",
  description: "Stripe's own status, upper-cased.",
});

export const SubscriptionEndReason = words(
  "REQUESTED",
  "PAYMENT_FAILED",
  "PAYMENT_DISPUTED",
  "NEVER_PAID",
  "TRIAL_ALREADY_USED",
  "DUPLICATE",
);
export type SubscriptionEndReason = keyof typeof SubscriptionEndReason;
registerEnumType(SubscriptionEndReason, {
  name: "SubscriptionEndReason",
  description:
    "Why a subscription ended. TRIAL_ALREADY_USED: this person has had a trial; nothing was charged.",
});

export const PaymentStatus = words(
  "PENDING",
  "REQUIRES_ACTION",
  "PROCESSING",
  "SUCCEEDED",
  "FAILED",
  "CANCELED",
  "PARTIALLY_REFUNDED",
  "REFUNDED",
  "DISPUTED",
);
export type PaymentStatus = keyof typeof PaymentStatus;
registerEnumType(PaymentStatus, { name: "PaymentStatus" });

export const InvoiceStatus = words("DRAFT", "OPEN", "PAID", "VOID", "UNCOLLECTIBLE");
export type InvoiceStatus = keyof typeof InvoiceStatus;
registerEnumType(InvoiceStatus, { name: "InvoiceStatus" });

export const PurchasableType = words("COURSE", "LEARNING_PATH");
export type PurchasableType = keyof typeof PurchasableType;
registerEnumType(PurchasableType, { name: "PurchasableType" });

export const PurchaseStatus = words(
  "PENDING",
  "COMPLETED",
  "FAILED",
  "EXPIRED",
  "PARTIALLY_REFUNDED",
  "REFUNDED",
  "DISPUTED",
);
export type PurchaseStatus = keyof typeof PurchaseStatus;
registerEnumType(PurchaseStatus, { name: "PurchaseStatus" });

export const RefundReason = words("REQUESTED_BY_CUSTOMER", "DUPLICATE", "FRAUDULENT");
export type RefundReason = keyof typeof RefundReason;
registerEnumType(RefundReason, { name: "RefundReason" });

export const RefundStatus = words("PENDING", "REQUIRES_ACTION", "SUCCEEDED", "FAILED", "CANCELED");
export type RefundStatus = keyof typeof RefundStatus;
registerEnumType(RefundStatus, {
  name: "RefundStatus",
  description:
    "Stripe's own status, upper-cased. FAILED and CANCELED give the amount back to the payment; the others have taken it.",
});

export const DisputeStanding = words("NONE", "OPEN", "WON", "LOST");
export type DisputeStanding = keyof typeof DisputeStanding;
registerEnumType(DisputeStanding, {
  name: "DisputeStanding",
  description:
    "NONE: the bank only asks, or it was prevented; no money moved. OPEN: the bank has the money for now. WON, LOST: decided.",
});

export const RefundedAccess = words("KEEP", "REVOKE");
export type RefundedAccess = keyof typeof RefundedAccess;
registerEnumType(RefundedAccess, {
  name: "RefundedAccess",
  description: "What a refund does to the access that a purchase gave: leaves it, or takes it away.",
});

export const AccessSource = words("SUBSCRIPTION", "PURCHASE", "TRIAL", "PROMOTION", "SEAT", "GIFT");
export type AccessSource = keyof typeof AccessSource;
registerEnumType(AccessSource, { name: "AccessSource" });

export const AccessScope = words("PLATFORM", "COURSE", "LEARNING_PATH");
export type AccessScope = keyof typeof AccessScope;
registerEnumType(AccessScope, { name: "AccessScope" });

export const DiscountDuration = words("ONCE", "REPEATING", "FOREVER");
export type DiscountDuration = keyof typeof DiscountDuration;
registerEnumType(DiscountDuration, {
  name: "DiscountDuration",
  description: "How long a discount lasts: one bill, the bills of some months, or all of them.",
});

export const PaymentEventType = words(
  "SUBSCRIPTION_CREATED",
  "SUBSCRIPTION_UPDATED",
  "SUBSCRIPTION_CANCELLED",
  "PAYMENT_SUCCEEDED",
  "PAYMENT_FAILED",
  "PURCHASE_COMPLETED",
);
export type PaymentEventType = keyof typeof PaymentEventType;
registerEnumType(PaymentEventType, { name: "PaymentEventType" });
