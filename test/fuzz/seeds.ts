import { ENDPOINTS } from "../../src/http/rest/endpoints.ts";

/** What a client would ask for, before it is spoilt. */
export interface GraphqlSeed {
  query: string;
  variables?: Record<string, unknown>;
  operationName?: string;
  extensions?: Record<string, unknown>;
}

const BACK = "https://learn.example.com/back";
const ROW = "0198f000-0000-7000-8000-000000000000";

export const QUERIES: readonly GraphqlSeed[] = [
  { query: "{ plans { id name price { amount currency } features { key limit } } }" },
  { query: "query ($id: ID!) { plan(id: $id) { id name viewerTrialDays } }", variables: { id: ROW } },
  { query: "{ subscriptionStatus { id status plan { name } paymentProblem { code nextStep } } }" },
  {
    query: `query Page($first: Int!, $after: String, $statuses: [PaymentStatus!], $from: DateTime) {
      payments(first: $first, after: $after, statuses: $statuses, createdFrom: $from) {
        totalCount pageInfo { endCursor } nodes { ...P } } } fragment P on Payment { id amount { amount } invoice { number } }`,
    variables: { first: 5, after: "bm90aGluZw==", statuses: ["SUCCEEDED"], from: "2026-01-01T00:00:00Z" },
    operationName: "Page",
  },
  { query: '{ accessTo(resourceType: COURSE, resourceId: "course-1") { granted source expiresAt } }' },
  {
    query:
      "{ invoices(first: 2) { nodes { id hostedInvoiceUrl } } purchases { nodes { id } } userAccess { id } }",
  },
  {
    query: 'query ($u: ID) { paymentMethods(userId: $u) { id last4 } subscription(id: "x") { id } }',
    variables: { u: "another" },
  },
  {
    query: `query ($of: [_Any!]!) { _entities(representations: $of) {
      ... on User { id subscription { id } payments(first: 2) { totalCount } }
      ... on Course { viewerAccess { granted } offer { price { amount } } } } }`,
    variables: {
      of: [
        { __typename: "User", id: "another" },
        { __typename: "Course", id: "course-1" },
      ],
    },
  },
  {
    query:
      "{ offers(first: 3, resourceType: COURSE) { nodes { resourceId price { amount } } } paymentConfig { publishableKey } }",
  },
  { query: "query ($u: ID) { userDataExport(userId: $u) }", variables: { u: "another" } },
  { query: "{ plans { id } }", extensions: { persistedQuery: { version: 1, sha256Hash: "0".repeat(64) } } },
  { query: "{ __schema { types { name } } _service { sdl } __typename }" },
];

export const MUTATIONS: readonly GraphqlSeed[] = [
  {
    query:
      "mutation ($input: CreateCheckoutSessionInput!) { createCheckoutSession(input: $input) { id url } }",
    variables: {
      input: { planId: ROW, quantity: 1, successUrl: BACK, cancelUrl: BACK, idempotencyKey: "key-1" },
    },
  },
  { query: 'mutation { confirmCheckout(sessionId: "cs_test_none") { isPaid } }' },
  {
    query:
      "mutation ($input: CreateSubscriptionInput!) { createSubscription(input: $input) { clientSecret } }",
    variables: { input: { planId: ROW, quantity: 1, promotionCode: "WELCOME", idempotencyKey: "key-2" } },
  },
  {
    query: "mutation ($input: CreatePurchaseInput!) { createPurchase(input: $input) { checkoutUrl } }",
    variables: {
      input: { resourceType: "COURSE", resourceId: "course-1", successUrl: BACK, cancelUrl: BACK },
    },
  },
  {
    query: "mutation ($input: RedeemPromotionInput!) { redeemPromotion(input: $input) { id } }",
    variables: { input: { code: "WELCOME", idempotencyKey: "key-3" } },
  },
  {
    query: "mutation ($input: AddPaymentMethodInput!) { addPaymentMethod(input: $input) { id } }",
    variables: { input: { stripePaymentMethodId: "pm_none", setDefault: true } },
  },
  {
    query: "mutation ($input: CancelSubscriptionInput!) { cancelSubscription(input: $input) { id } }",
    variables: { input: { id: ROW, atPeriodEnd: true } },
  },
  {
    query:
      "mutation ($id: ID!, $key: String) { resumeSubscription(id: $id) { id } removePaymentMethod(id: $id, idempotencyKey: $key) }",
    variables: { id: ROW, key: "key-4" },
  },
  {
    query: "mutation ($input: GrantAccessInput!) { grantAccess(input: $input) { id } }",
    variables: { input: { userId: "another", scope: "PLATFORM", reason: "because" } },
  },
  {
    query: "mutation ($input: RefundPaymentInput!) { refundPayment(input: $input) { id } }",
    variables: { input: { paymentId: ROW, amount: 100 } },
  },
  {
    query: "mutation ($input: UpsertOfferInput!) { upsertOffer(input: $input) { resourceId } }",
    variables: {
      input: { resourceType: "COURSE", resourceId: "course-1", title: "A", amount: 100, currency: "USD" },
    },
  },
];

export const LIVE: readonly GraphqlSeed[] = [
  { query: "subscription { subscriptionStatusChanged { id status } }" },
  { query: "subscription ($u: ID) { accessChanged(userId: $u) { id } }", variables: { u: "another" } },
  {
    query:
      "subscription ($after: ID, $types: [PaymentEventType!]) { paymentEvents(after: $after, types: $types) { id } }",
    variables: { after: ROW, types: ["PAYMENT_SUCCEEDED"] },
  },
];

const VALUES: Readonly<Record<string, string>> = { userId: "another", id: ROW };

/** The documented REST endpoints, with something in the place of each name. */
export const REST = ENDPOINTS.map(({ method, path }) => ({
  method: method.toUpperCase(),
  path: path.replace(/:(\w+)/g, (_all, name: string) => VALUES[name] ?? "x"),
  body:
    method === "post"
      ? {
          planId: ROW,
          quantity: 1,
          successUrl: BACK,
          cancelUrl: BACK,
          stripePaymentMethodId: "pm_none",
          atPeriodEnd: true,
        }
      : undefined,
}));

export const EVENT_TYPES = [
  ...[
    "checkout.session.completed",
    "customer.subscription.updated",
    "invoice.paid",
    "payment_intent.succeeded",
  ],
  ...["charge.refunded", "charge.dispute.created", "customer.deleted", "price.updated", "unheard.of"],
];
