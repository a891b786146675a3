import { ADMINS, MADE, OF_USER, OWNED, PUBLIC, type Row, SECRET, VIEWER } from "./outcomes.ts";

/** The fields that page through a list that is shown as the row says. */
const connection = (row: Row) => ({ edges: row, nodes: row, pageInfo: row, totalCount: row });
const edge = (row: Row) => ({ cursor: row, node: row });
/** Both users have bought it, admins have not. */
const VIEWERS_PURCHASE = "null ok ok null B U";
/** Of what nobody but the owner gets at. */
const OWNERS = "- ok - - - -";

/**
 * Every field of every type, but for those of queries, mutations and subscriptions: what it says to whom the whole is
 * shown. Every field has a value in the things that are asked for, so that `null` says that it was withheld.
 */
export const FIELDS: Record<string, Record<string, Row>> = {
  User: {
    ...{ id: PUBLIC, subscription: OF_USER, subscriptions: OF_USER, payments: OF_USER, purchases: OF_USER },
    ...{ invoices: OF_USER, paymentMethods: OF_USER, access: OF_USER, accessTo: OF_USER },
  },
  Course: { id: PUBLIC, offer: PUBLIC, viewerAccess: VIEWER, viewerPurchase: VIEWERS_PURCHASE },
  LearningPath: { id: PUBLIC, offer: PUBLIC, viewerAccess: VIEWER, viewerPurchase: VIEWERS_PURCHASE },

  Plan: {
    ...{ id: PUBLIC, name: PUBLIC, tier: PUBLIC, description: PUBLIC, interval: PUBLIC, trialDays: PUBLIC },
    ...{ features: PUBLIC, price: PUBLIC, monthlyPrice: PUBLIC, isActive: PUBLIC },
    viewerTrialDays: "ok ok ok ok ok U",
  },
  PlanFeature: { key: PUBLIC, name: PUBLIC, limit: PUBLIC },
  MonetaryAmount: { amount: PUBLIC, currency: PUBLIC },
  PaymentConfig: { publishableKey: PUBLIC },
  PageInfo: { hasNextPage: PUBLIC, hasPreviousPage: PUBLIC, startCursor: PUBLIC, endCursor: PUBLIC },
  OfferConnection: connection(PUBLIC),
  OfferEdge: edge(PUBLIC),
  Offer: {
    ...{ resourceType: PUBLIC, resourceId: PUBLIC, title: PUBLIC, isStandard: PUBLIC, isActive: PUBLIC },
    ...{ creditsOwnedCourses: PUBLIC, price: PUBLIC, course: PUBLIC, learningPath: PUBLIC },
    ...{ courseIds: PUBLIC, courses: PUBLIC },
  },

  UserSubscription: {
    ...{ id: OWNED, status: OWNED, quantity: OWNED, currentPeriodStart: OWNED, currentPeriodEnd: OWNED },
    ...{ trialEndsAt: OWNED, canceledAt: OWNED, endedAt: OWNED, createdAt: OWNED, endReason: OWNED },
    ...{ cancelAtPeriodEnd: OWNED, user: OWNED, plan: OWNED, scheduledPlan: OWNED, grantsAccess: OWNED },
    paymentProblem: OWNED,
  },
  PaymentProblem: {
    ...{ code: OWNED, message: OWNED, nextStep: OWNED, amountDue: OWNED, failedAt: OWNED },
    ...{ nextAttemptAt: OWNED, accessEndsAt: OWNED },
  },
  PlanChangePreview: {
    ...{ amountDueNow: OWNED, nextInvoiceTotal: OWNED, appliesImmediately: OWNED, effectiveAt: OWNED },
    ...{ prorationDate: OWNED, lines: OWNED },
  },

  PaymentConnection: connection(OWNED),
  PaymentEdge: edge(OWNED),
  Payment: {
    ...{ id: OWNED, status: OWNED, description: OWNED, methodLabel: OWNED, amount: OWNED },
    ...{ amountRefunded: OWNED, createdAt: OWNED, user: OWNED, invoice: OWNED, subscription: OWNED },
    ...{ purchase: OWNED, refunds: OWNED, failureCode: OWNED, failureMessage: OWNED },
    disputes: "- F - ok F -",
    receiptUrl: SECRET,
  },
  Refund: { id: OWNED, access: OWNED, amount: OWNED, status: OWNED, createdAt: OWNED },
  InvoiceConnection: connection(OWNED),
  InvoiceEdge: edge(OWNED),
  Invoice: {
    ...{ id: OWNED, number: OWNED, status: OWNED, periodStart: OWNED, periodEnd: OWNED, issuedAt: OWNED },
    ...{ paidAt: OWNED, subtotal: OWNED, tax: OWNED, total: OWNED, amountPaid: OWNED, amountDue: OWNED },
    ...{ amountCredited: OWNED, user: OWNED, lines: OWNED },
    hostedInvoiceUrl: SECRET,
    pdfUrl: SECRET,
  },
  InvoiceLine: {
    ...{ description: OWNED, quantity: OWNED, periodStart: OWNED, periodEnd: OWNED, amount: OWNED },
  },
  PaymentMethod: {
    ...{ id: OWNED, type: OWNED, brand: OWNED, last4: OWNED, expMonth: OWNED, expYear: OWNED },
    ...{ isDefault: OWNED, createdAt: OWNED },
  },
  PurchaseConnection: connection(OWNED),
  PurchaseEdge: edge(OWNED),
  Purchase: {
    ...{ id: OWNED, resourceType: OWNED, resourceId: OWNED, status: OWNED, purchasedAt: OWNED },
    ...{ createdAt: OWNED, credited: OWNED, discounted: OWNED, amount: OWNED, user: OWNED },
    ...{ course: OWNED, learningPath: OWNED, payment: OWNED },
  },
  UserAccess: {
    ...{ id: OWNED, source: OWNED, scope: OWNED, resourceId: OWNED, startsAt: OWNED, expiresAt: OWNED },
    ...{ revokedAt: OWNED, user: OWNED, course: OWNED, learningPath: OWNED, isActive: OWNED },
  },
  AccessDecision: { granted: OWNED, source: OWNED, expiresAt: OWNED, cause: "null null - null null -" },
  DecisionCause: {
    ...{ at: ADMINS, actor: ADMINS, action: ADMINS, reason: ADMINS, causedBy: "- - - null - -" },
  },
  PaymentEvent: {
    ...{ id: OWNED, type: OWNED, occurredAt: OWNED, user: OWNED, subscription: OWNED, payment: OWNED },
    purchase: OWNED,
  },

  SetupIntentResult: { clientSecret: MADE },
  BillingPortalSession: { url: MADE },
  CheckoutSession: { id: MADE, expiresAt: MADE, url: MADE },
  CheckoutConfirmation: { isPaid: OWNERS, subscription: OWNERS, purchase: OWNERS },
  SubscriptionResult: { subscription: OWNED, clientSecret: SECRET },
  PurchaseResult: { purchase: MADE, checkoutUrl: MADE, clientSecret: "- ok - null - -" },
  PromotionRedemption: { id: MADE, code: MADE, access: MADE, redeemedAt: MADE },

  DisputeConnection: connection(ADMINS),
  DisputeEdge: edge(ADMINS),
  Dispute: {
    ...{ id: ADMINS, status: ADMINS, reason: ADMINS, evidenceDueAt: ADMINS, amount: ADMINS },
    ...{ openedAt: ADMINS, standing: ADMINS, payment: ADMINS },
  },
  PromotionConnection: connection(ADMINS),
  PromotionEdge: edge(ADMINS),
  Promotion: {
    ...{ id: ADMINS, code: ADMINS, startsAt: ADMINS, endsAt: ADMINS, maxRedemptions: ADMINS },
    ...{ maxRedemptionsPerUser: ADMINS, deactivatedAt: ADMINS, createdAt: ADMINS, access: ADMINS },
    ...{ discount: ADMINS, redemptionCount: ADMINS },
  },
  PromotionAccess: { scope: ADMINS, resourceId: ADMINS, days: ADMINS },
  PromotionDiscount: {
    ...{ percentOff: ADMINS, amountOff: ADMINS, duration: ADMINS, months: ADMINS, planId: ADMINS },
    ...{ resourceType: ADMINS, resourceId: ADMINS, firstTimeOnly: ADMINS },
  },
  SubscriptionHistoryConnection: connection(ADMINS),
  SubscriptionHistoryEdge: edge(ADMINS),
  SubscriptionHistoryEntry: {
    ...{ id: ADMINS, at: ADMINS, actor: ADMINS, action: ADMINS, subject: ADMINS, subjectId: ADMINS },
    ...{ reason: ADMINS, causedBy: ADMINS, changes: ADMINS },
  },
  FieldChange: { field: ADMINS, before: ADMINS, after: ADMINS },
  WebhookEventConnection: connection(ADMINS),
  WebhookEventEdge: edge(ADMINS),
  WebhookEvent: {
    ...{ id: ADMINS, type: ADMINS, objectId: ADMINS, status: ADMINS, source: ADMINS, attempts: ADMINS },
    ...{ lastError: ADMINS, receivedAt: ADMINS, nextTryAt: ADMINS },
  },
  AnonymizedUser: { userId: ADMINS, requestedAt: ADMINS, finishedAt: ADMINS },
  _Service: { sdl: PUBLIC },
};
