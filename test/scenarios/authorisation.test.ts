import { newCourse, putOnSale } from "../support/buyer.ts";
import { planId, subscribe } from "../support/checkout.ts";
import { collect, eventually, newUser, startService, type TestService } from "../support/service.ts";

let service: TestService;
const owner = { id: newUser(), token: "", subscription: "" };
const other = { id: newUser(), token: "", subscription: "" };
let admin: string;
let serviceToken: string;
const ids: Record<string, string> = {};

beforeAll(async () => {
  service = await startService();
  for (const user of [owner, other]) {
    user.token = await service.token(user.id);
    user.subscription = (await subscribe(service, user.token)).id;
  }
  admin = await service.token(newUser(), "admin");
  serviceToken = await service.token("course-service", "service");
  const { data } = await eventually(
    () =>
      service.ask(
        "{ payments { nodes { id invoice { id } } } userAccess { id } paymentMethods { id } }",
        {},
        owner.token,
      ),
    (answer) => answer.data.payments.nodes[0]?.invoice && answer.data.paymentMethods[0],
  );
  ids.Payment = data.payments.nodes[0].id;
  ids.Invoice = data.payments.nodes[0].invoice.id;
  ids.PaymentMethod = data.paymentMethods[0].id;
  ids.UserAccess = data.userAccess[0].id;
  ids.UserSubscription = owner.subscription;
  const course = newCourse();
  await putOnSale(service, course);
  const bought = await service.ask(
    "mutation ($input: CreatePurchaseInput!) { createPurchase(input: $input) { purchase { id } } }",
    { input: { ...course, paymentMethodId: ids.PaymentMethod } },
    owner.token,
  );
  ids.Purchase = bought.data.createPurchase.purchase.id;
});
afterAll(() => service.stop());

const ALLOWED = "ok";
const NULL = "null";
type Outcome = string;

/** What each kind of caller is told: anonymous, owner, other user, admin, service, bad token. */
type Row = [name: string, query: string, outcomes: [Outcome, Outcome, Outcome, Outcome, Outcome, Outcome]];

async function outcomeOf(query: string, token: string | undefined): Promise<Outcome> {
  const userId = query.includes("$userId") ? owner.id : undefined;
  const id = query.includes("$id") ? owner.subscription : undefined;
  const plan = query.includes("$plan") ? await planId(service, "Free") : undefined;
  const payment = query.includes("$payment") ? ids.Payment : undefined;
  const invoice = query.includes("$invoice") ? ids.Invoice : undefined;
  const purchase = query.includes("$purchase") ? ids.Purchase : undefined;
  const { data, errors } = await service.ask(query, { userId, id, plan, payment, invoice, purchase }, token);
  if (errors) return errors[0]?.extensions.code ?? "no code";
  return deepNull(Object.values(data)[0]) ? NULL : ALLOWED;
}

/** Whether an answer is null, or an entity list of null, or an entity with nothing but null. */
function deepNull(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0 && value.every(deepNull);
  return value === null;
}

const U = "UNAUTHENTICATED";
const F = "FORBIDDEN";
const B = "BAD_USER_INPUT";

const QUERIES: Row[] = [
  ["plans", "{ plans { id } }", [ALLOWED, ALLOWED, ALLOWED, ALLOWED, ALLOWED, ALLOWED]],
  ["plans(includeInactive)", "{ plans(includeInactive: true) { id } }", [U, F, F, ALLOWED, F, U]],
  [
    "paymentConfig",
    "{ paymentConfig { publishableKey } }",
    [ALLOWED, ALLOWED, ALLOWED, ALLOWED, ALLOWED, ALLOWED],
  ],
  ["subscriptionStatus of oneself", "{ subscriptionStatus { id } }", [U, ALLOWED, ALLOWED, NULL, B, U]],
  [
    "subscriptionStatus of the owner",
    "query ($userId: ID) { subscriptionStatus(userId: $userId) { id } }",
    [U, ALLOWED, F, ALLOWED, ALLOWED, U],
  ],
  [
    "subscription(id)",
    "query ($id: ID!) { subscription(id: $id) { id } }",
    [U, ALLOWED, NULL, ALLOWED, ALLOWED, U],
  ],
  [
    "payments",
    "query ($userId: ID) { payments(userId: $userId) { totalCount } }",
    [U, ALLOWED, F, ALLOWED, ALLOWED, U],
  ],
  [
    "payment(id)",
    "query ($payment: ID!) { payment(id: $payment) { id } }",
    [U, ALLOWED, NULL, ALLOWED, ALLOWED, U],
  ],
  ["payment(id) of none", '{ payment(id: "nonsense") { id } }', [U, NULL, NULL, NULL, NULL, U]],
  [
    "invoices",
    "query ($userId: ID) { invoices(userId: $userId) { totalCount } }",
    [U, ALLOWED, F, ALLOWED, ALLOWED, U],
  ],
  ["invoices of oneself", "{ invoices { totalCount } }", [U, ALLOWED, ALLOWED, ALLOWED, B, U]],
  [
    "invoice(id)",
    "query ($invoice: ID!) { invoice(id: $invoice) { id } }",
    [U, ALLOWED, NULL, ALLOWED, ALLOWED, U],
  ],
  ["invoice(id) of none", '{ invoice(id: "nonsense") { id } }', [U, NULL, NULL, NULL, NULL, U]],
  [
    "purchases",
    "query ($userId: ID) { purchases(userId: $userId) { totalCount } }",
    [U, ALLOWED, F, ALLOWED, ALLOWED, U],
  ],
  ["purchases of oneself", "{ purchases { totalCount } }", [U, ALLOWED, ALLOWED, ALLOWED, B, U]],
  [
    "purchase(id)",
    "query ($purchase: ID!) { purchase(id: $purchase) { id } }",
    [U, ALLOWED, NULL, ALLOWED, ALLOWED, U],
  ],
  ["purchase(id) of none", '{ purchase(id: "nonsense") { id } }', [U, NULL, NULL, NULL, NULL, U]],
  [
    "createPurchase",
    'mutation { createPurchase(input: { resourceType: COURSE, resourceId: "nobody-sells-this", paymentMethodId: "nonsense" }) { clientSecret } }',
    [U, B, B, B, B, U],
  ],
  [
    "userAccess",
    "query ($userId: ID) { userAccess(userId: $userId) { id } }",
    [U, ALLOWED, F, ALLOWED, ALLOWED, U],
  ],
  [
    "accessTo",
    'query ($userId: ID) { accessTo(userId: $userId, resourceType: COURSE, resourceId: "c") { granted } }',
    [U, ALLOWED, F, ALLOWED, ALLOWED, U],
  ],
  [
    "confirmCheckout",
    'mutation { confirmCheckout(sessionId: "cs_1") { isPaid } }',
    [U, "NOT_FOUND", "NOT_FOUND", "NOT_FOUND", B, U],
  ],
  [
    "createCheckoutSession",
    'mutation { createCheckoutSession(input: { planId: "01890000-0000-7000-8000-000000000000", successUrl: "https://a.b", cancelUrl: "https://a.b" }) { id } }',
    [U, "NOT_FOUND", "NOT_FOUND", "NOT_FOUND", B, U],
  ],
  [
    "createSubscription",
    'mutation { createSubscription(input: { planId: "nonsense" }) { clientSecret } }',
    [U, "NOT_FOUND", "NOT_FOUND", "NOT_FOUND", B, U],
  ],
  ["Plan.viewerTrialDays", "{ plans { viewerTrialDays } }", [ALLOWED, ALLOWED, ALLOWED, ALLOWED, ALLOWED, U]],
  [
    "refundPayment",
    'mutation { refundPayment(input: { paymentId: "nonsense" }) { id } }',
    [U, F, F, "NOT_FOUND", F, U],
  ],
  ["disputes", "{ disputes { totalCount } }", [U, F, F, ALLOWED, F, U]],
  [
    "Payment.disputes",
    "query ($payment: ID!) { payment(id: $payment) { disputes { id } } }",
    [U, F, NULL, ALLOWED, F, U],
  ],
  [
    "Payment.refunds",
    "query ($payment: ID!) { payment(id: $payment) { refunds { id } } }",
    [U, ALLOWED, NULL, ALLOWED, ALLOWED, U],
  ],
  [
    "grantAccess",
    'mutation { grantAccess(input: { userId: "u", scope: COURSE, reason: "r" }) { id } }',
    [U, F, F, B, B, U],
  ],
  ["offers", "{ offers { totalCount } }", [ALLOWED, ALLOWED, ALLOWED, ALLOWED, ALLOWED, ALLOWED]],
  ["offers(includeInactive)", "{ offers(includeInactive: true) { totalCount } }", [U, F, F, ALLOWED, F, U]],
  [
    "upsertOffer",
    'mutation { upsertOffer(input: { resourceType: COURSE, resourceId: "c", title: "C", amount: 1, currency: "USD" }) { title } }',
    [U, F, F, B, B, U],
  ],
  [
    "Course.offer",
    '{ _entities(representations: [{ __typename: "Course", id: "c" }]) { ... on Course { id offer { title } } } }',
    [ALLOWED, ALLOWED, ALLOWED, ALLOWED, ALLOWED, ALLOWED],
  ],
  [
    "LearningPath.offer",
    '{ _entities(representations: [{ __typename: "LearningPath", id: "p" }]) { ... on LearningPath { id offer { title } } } }',
    [ALLOWED, ALLOWED, ALLOWED, ALLOWED, ALLOWED, ALLOWED],
  ],
  [
    "revokeAccess",
    'mutation { revokeAccess(id: "nonsense") { id } }',
    [U, F, F, "NOT_FOUND", "NOT_FOUND", U],
  ],
  ["redeemPromotion", 'mutation { redeemPromotion(input: { code: "nonsense" }) { id } }', [U, B, B, B, B, U]],
  ["createPromotion", 'mutation { createPromotion(input: { code: "NOTHING" }) { id } }', [U, F, F, B, F, U]],
  [
    "deactivatePromotion",
    'mutation { deactivatePromotion(id: "nonsense") { id } }',
    [U, F, F, "NOT_FOUND", F, U],
  ],
  ["promotions", "{ promotions { totalCount } }", [U, F, F, ALLOWED, F, U]],
  [
    "previewPlanChange",
    "query ($id: ID!, $plan: ID!) { previewPlanChange(subscriptionId: $id, planId: $plan) { effectiveAt } }",
    [U, ALLOWED, "NOT_FOUND", ALLOWED, ALLOWED, U],
  ],
  [
    "changePlan",
    "mutation ($id: ID!, $plan: ID!) { changePlan(input: { subscriptionId: $id, planId: $plan }) { subscription { id } } }",
    [U, ALLOWED, "NOT_FOUND", ALLOWED, ALLOWED, U],
  ],
  [
    "cancelSubscription",
    "mutation ($id: ID!) { cancelSubscription(input: { id: $id }) { id } }",
    [U, ALLOWED, "NOT_FOUND", ALLOWED, ALLOWED, U],
  ],
  [
    "resumeSubscription",
    "mutation ($id: ID!) { resumeSubscription(id: $id) { id } }",
    [U, ALLOWED, "NOT_FOUND", ALLOWED, ALLOWED, U],
  ],
  [
    "paymentMethods",
    "query ($userId: ID) { paymentMethods(userId: $userId) { id } }",
    [U, ALLOWED, F, ALLOWED, ALLOWED, U],
  ],
  ["paymentMethods of oneself", "{ paymentMethods { id } }", [U, ALLOWED, ALLOWED, ALLOWED, B, U]],
  [
    "addPaymentMethod",
    'mutation { addPaymentMethod(input: { stripePaymentMethodId: "pm_1Unknown" }) { id } }',
    [U, B, B, B, B, U],
  ],
  [
    "setDefaultPaymentMethod",
    "mutation ($id: ID!) { setDefaultPaymentMethod(id: $id) { id } }",
    [U, "NOT_FOUND", "NOT_FOUND", "NOT_FOUND", B, U],
  ],
  [
    "removePaymentMethod",
    "mutation ($id: ID!) { removePaymentMethod(id: $id) }",
    [U, "NOT_FOUND", "NOT_FOUND", "NOT_FOUND", B, U],
  ],
  [
    "createSetupIntent",
    "mutation { createSetupIntent { clientSecret } }",
    [U, ALLOWED, ALLOWED, ALLOWED, B, U],
  ],
  [
    "createBillingPortalSession",
    'mutation { createBillingPortalSession(returnUrl: "https://learn.example.com/") { url } }',
    [U, ALLOWED, ALLOWED, ALLOWED, B, U],
  ],
  [
    "User.paymentMethods",
    'query ($userId: ID!) { _entities(representations: [{ __typename: "User", id: $userId }]) { ... on User { paymentMethods { id } } } }',
    [U, ALLOWED, F, ALLOWED, ALLOWED, U],
  ],
  [
    "subscriptionHistory",
    "query ($id: ID!) { subscriptionHistory(id: $id) { totalCount } }",
    [U, F, F, ALLOWED, F, U],
  ],
  [
    "UserSubscription.paymentProblem",
    "query ($id: ID!) { subscription(id: $id) { paymentProblem { code } } }",
    [U, ALLOWED, NULL, ALLOWED, ALLOWED, U],
  ],
  ["webhookEvents", "{ webhookEvents { totalCount } }", [U, F, F, ALLOWED, F, U]],
  ["replayWebhookEvent", 'mutation { replayWebhookEvent(id: "evt_1") { id } }', [U, F, F, "NOT_FOUND", F, U]],
  [
    "User.subscription",
    'query ($userId: ID!) { _entities(representations: [{ __typename: "User", id: $userId }]) { ... on User { subscription { id } } } }',
    [U, ALLOWED, F, ALLOWED, ALLOWED, U],
  ],
  [
    "User.subscriptions",
    'query ($userId: ID!) { _entities(representations: [{ __typename: "User", id: $userId }]) { ... on User { subscriptions { id } } } }',
    [U, ALLOWED, F, ALLOWED, ALLOWED, U],
  ],
  [
    "User.payments",
    'query ($userId: ID!) { _entities(representations: [{ __typename: "User", id: $userId }]) { ... on User { payments { totalCount } } } }',
    [U, ALLOWED, F, ALLOWED, ALLOWED, U],
  ],
  [
    "User.invoices",
    'query ($userId: ID!) { _entities(representations: [{ __typename: "User", id: $userId }]) { ... on User { invoices { totalCount } } } }',
    [U, ALLOWED, F, ALLOWED, ALLOWED, U],
  ],
  [
    "User.accessTo",
    'query ($userId: ID!) { _entities(representations: [{ __typename: "User", id: $userId }]) { ... on User { accessTo(resourceType: COURSE, resourceId: "c") { granted } } } }',
    [U, ALLOWED, F, ALLOWED, ALLOWED, U],
  ],
  [
    "User.access",
    'query ($userId: ID!) { _entities(representations: [{ __typename: "User", id: $userId }]) { ... on User { access { id } } } }',
    [U, ALLOWED, F, ALLOWED, ALLOWED, U],
  ],
  [
    "User.purchases",
    'query ($userId: ID!) { _entities(representations: [{ __typename: "User", id: $userId }]) { ... on User { purchases { totalCount } } } }',
    [U, ALLOWED, F, ALLOWED, ALLOWED, U],
  ],
  [
    "Course.viewerPurchase",
    '{ _entities(representations: [{ __typename: "Course", id: "c" }]) { ... on Course { viewerPurchase { id } } } }',
    [ALLOWED, ALLOWED, ALLOWED, ALLOWED, B, U],
  ],
  [
    "LearningPath.viewerPurchase",
    '{ _entities(representations: [{ __typename: "LearningPath", id: "p" }]) { ... on LearningPath { viewerPurchase { id } } } }',
    [ALLOWED, ALLOWED, ALLOWED, ALLOWED, B, U],
  ],
  [
    "Course.viewerAccess",
    '{ _entities(representations: [{ __typename: "Course", id: "c" }]) { ... on Course { viewerAccess { granted } } } }',
    [ALLOWED, ALLOWED, ALLOWED, ALLOWED, B, U],
  ],
  [
    "LearningPath.viewerAccess",
    '{ _entities(representations: [{ __typename: "LearningPath", id: "p" }]) { ... on LearningPath { viewerAccess { granted } } } }',
    [ALLOWED, ALLOWED, ALLOWED, ALLOWED, B, U],
  ],
];

describe("queries and mutations", () => {
  test.each(QUERIES)("%s", async (_name, query, expected) => {
    const tokens = [undefined, owner.token, other.token, admin, serviceToken, "not.a.token"];
    const outcomes = await Promise.all(tokens.map((token) => outcomeOf(query, token)));
    expect(outcomes).toEqual(expected);
  });
});

test.each(["UserSubscription", "Payment", "PaymentMethod", "Invoice", "Purchase", "UserAccess"])(
  "a reference to a %s of somebody else is the same null as one to nothing",
  async (type) => {
    const query = "query ($r: [_Any!]!) { _entities(representations: $r) { __typename } }";
    const refer = (id: string, token?: string) =>
      service.ask(query, { r: [{ __typename: type, id }] }, token);
    const own = ids[type] as string;
    for (const token of [owner.token, admin, serviceToken])
      expect((await refer(own, token)).data._entities).toEqual([{ __typename: type }]);
    const foreign = await refer(own, other.token);
    expect(foreign).toEqual({ data: { _entities: [null] } });
    expect(await refer("01890000-0000-7000-8000-000000000000", other.token)).toEqual(foreign);
    expect(await refer("nonsense", other.token)).toEqual(foreign);
    for (const token of [undefined, "not.a.token"])
      expect((await refer(own, token)).errors?.[0]?.extensions.code).toBe("UNAUTHENTICATED");
  },
);

test("a refused field of another user's entity leaves the rest of the answer alone", async () => {
  const query = `query ($r: [_Any!]!) { _entities(representations: $r) { ... on User { id subscription { id } } } }`;
  const r = [owner.id, other.id].map((id) => ({ __typename: "User", id }));
  const { data, errors } = await service.ask(query, { r }, owner.token);
  expect(data._entities).toEqual([
    { id: owner.id, subscription: { id: owner.subscription } },
    { id: other.id, subscription: null },
  ]);
  expect(errors?.map(({ extensions }) => extensions.code)).toEqual(["FORBIDDEN"]);
});

describe("live subscriptions", () => {
  const LIVE = ["subscriptionStatusChanged { id }", "paymentEvents { id }", "accessChanged { id }"];
  test.each(LIVE)("%s is refused to whom it does not belong", async (field) => {
    const named = field.replace(/^(\w+)/, "$1(userId: $userId)");
    const query = `subscription ($userId: ID) { ${named} }`;
    for (const [token, code] of [
      [undefined, U],
      ["not.a.token", U],
      [other.token, F],
    ] as const) {
      const live = collect(service.live(token), query, { variables: { userId: owner.id } });
      await eventually(live.ended, Boolean);
      const refusal = live.results[0]?.errors ?? (live.failure() as { extensions: { code: string } }[]);
      expect(refusal?.[0]?.extensions.code).toBe(code);
    }
  });

  test.each(["subscriptionStatusChanged { id }", "accessChanged { id }"])(
    "%s is shown to owner, admin and service",
    async (field) => {
      const query = `subscription ($userId: ID) { ${field.replace(/^(\w+)/, "$1(userId: $userId)")} }`;
      for (const token of [owner.token, admin, serviceToken]) {
        const live = collect(service.live(token), query, { variables: { userId: owner.id } });
        const [first] = await eventually(
          () => live.results,
          (results) => results.length > 0,
        );
        expect(first?.errors).toBeUndefined();
        live.stop();
      }
    },
  );

  test("queries and mutations are not taken over WebSocket", async () => {
    const live = collect(service.live(owner.token), "{ subscriptionStatus { id } }");
    await eventually(live.ended, Boolean);
    expect((live.failure() as { extensions: { code: string } }[])[0]?.extensions.code).toBe(B);
  });
});
