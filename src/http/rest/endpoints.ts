/** What an endpoint makes of the field that its document asks for. */
export type Answer = "value" | "list" | "standing" | "nothing";

/**
 * One endpoint: a GraphQL document under an address. Its variables are where a request says what it wants: those named
 * in the path, `input` in the body, `idempotencyKey` in the header Idempotency-Key, all others in the query.
 */
export interface Endpoint {
  readonly method: "get" | "post" | "delete";
  readonly path: string;
  readonly summary: string;
  readonly document: string;
  readonly answer: Answer;
  /** Whether it makes something: 201. */
  readonly creates?: true;
}

/** The REST interface, as the platform's other services know it. What may be asked by whom is the schema's to say. */
export const ENDPOINTS: readonly Endpoint[] = [
  {
    method: "get",
    path: "/subscriptions/plans",
    summary: "Plans on sale, the cheapest month first. Public.",
    document: "query { plans { ...Plan } }",
    answer: "list",
  },
  {
    method: "get",
    path: "/subscriptions/status/:userId",
    summary: "A user's subscription, and the tier that it opens: FREE without one.",
    document: "query ($userId: ID!) { subscriptionStatus(userId: $userId) { ...Subscription } }",
    answer: "standing",
  },
  {
    method: "post",
    path: "/subscriptions/checkout-session",
    summary: "Opens a page where the caller subscribes.",
    document: `mutation ($input: CreateCheckoutSessionInput!) {
      createCheckoutSession(input: $input) { id url expiresAt } }`,
    answer: "value",
    creates: true,
  },
  {
    method: "post",
    path: "/subscriptions/create",
    summary: "Subscribes the caller with a stored method, without a page.",
    document: `mutation ($input: CreateSubscriptionInput!) {
      createSubscription(input: $input) { subscription { ...Subscription } clientSecret } }`,
    answer: "value",
    creates: true,
  },
  {
    method: "post",
    path: "/subscriptions/:id/cancel",
    summary: "Cancels at the end of the period, or now.",
    document:
      "mutation ($input: CancelSubscriptionInput!) { cancelSubscription(input: $input) { ...Subscription } }",
    answer: "value",
  },
  {
    method: "get",
    path: "/payments/history/:userId",
    summary: "A user's payments, newest first.",
    document: `query (
      $userId: ID!, $first: Int! = 20, $after: String,
      $statuses: [PaymentStatus!], $createdFrom: DateTime, $createdBefore: DateTime
    ) {
      payments(
        userId: $userId, first: $first, after: $after,
        statuses: $statuses, createdFrom: $createdFrom, createdBefore: $createdBefore
      ) { nodes { ...Payment } pageInfo { hasNextPage endCursor } } }`,
    answer: "list",
  },
  {
    method: "get",
    path: "/payments/methods/:userId",
    summary: "A user's stored methods, newest first.",
    document: "query ($userId: ID!) { paymentMethods(userId: $userId) { ...PaymentMethod } }",
    answer: "list",
  },
  {
    method: "post",
    path: "/payments/methods",
    summary: "Stores a method that Stripe.js has made for the caller.",
    document:
      "mutation ($input: AddPaymentMethodInput!) { addPaymentMethod(input: $input) { ...PaymentMethod } }",
    answer: "value",
    creates: true,
  },
  {
    method: "delete",
    path: "/payments/methods/:id",
    summary: "Removes a stored method.",
    document: `mutation ($id: ID!, $idempotencyKey: String) {
      removePaymentMethod(id: $id, idempotencyKey: $idempotencyKey) }`,
    answer: "nothing",
  },
  {
    method: "post",
    path: "/payments/methods/:id/default",
    summary: "From now on this method is charged.",
    document: `mutation ($id: ID!, $idempotencyKey: String) {
      setDefaultPaymentMethod(id: $id, idempotencyKey: $idempotencyKey) { ...PaymentMethod } }`,
    answer: "value",
  },
  {
    method: "post",
    path: "/purchases/create",
    summary: "Buys a course or learning path: with a stored method, or on a page.",
    document: `mutation ($input: CreatePurchaseInput!) {
      createPurchase(input: $input) { purchase { ...Purchase } checkoutUrl clientSecret } }`,
    answer: "value",
    creates: true,
  },
  {
    method: "get",
    path: "/purchases/history/:userId",
    summary: "A user's purchases, newest first.",
    document: `query ($userId: ID!, $first: Int! = 20, $after: String) {
      purchases(userId: $userId, first: $first, after: $after) {
        nodes { ...Purchase } pageInfo { hasNextPage endCursor } } }`,
    answer: "list",
  },
  {
    method: "get",
    path: "/purchases/:id/status",
    summary: "One purchase, and where it stands.",
    document: "query ($id: ID!) { purchase(id: $id) { ...Purchase } }",
    answer: "value",
  },
];

/** What is shown of each thing: the contract's names, without what a document has to be asked for by name. */
export const FRAGMENTS: Readonly<Record<string, string>> = {
  Money: "fragment Money on MonetaryAmount { amount currency }",
  Plan: `fragment Plan on Plan {
    id name tier description interval trialDays isActive
    features { key name limit } price { ...Money } monthlyPrice { ...Money } }`,
  Subscription: `fragment Subscription on UserSubscription {
    id status quantity currentPeriodStart currentPeriodEnd trialEndsAt canceledAt endedAt createdAt
    endReason cancelAtPeriodEnd grantsAccess plan { ...Plan } scheduledPlan { ...Plan }
    paymentProblem { code message nextStep amountDue { ...Money } failedAt nextAttemptAt accessEndsAt } }`,
  Payment: `fragment Payment on Payment {
    id status description methodLabel amount { ...Money } amountRefunded { ...Money } createdAt
    failureCode failureMessage receiptUrl }`,
  PaymentMethod:
    "fragment PaymentMethod on PaymentMethod { id type brand last4 expMonth expYear isDefault createdAt }",
  Purchase: `fragment Purchase on Purchase {
    id resourceType resourceId status purchasedAt createdAt
    amount { ...Money } credited { ...Money } discounted { ...Money } payment { ...Payment } }`,
};
