import { planId } from "../support/checkout.ts";
import { type Learner, newLearner } from "../support/learner.ts";
import { eventually, startReplica, startService, type TestService } from "../support/service.ts";
import { setFaults, stripeOf } from "../support/stripe.ts";

let service: TestService;
let ada: Learner;
beforeAll(async () => {
  service = await startService();
});
beforeEach(async () => {
  ada = await newLearner(service);
});
afterAll(() => service.stop());

const CREATE = `mutation ($input: CreateSubscriptionInput!) {
  createSubscription(input: $input) { clientSecret subscription { id status grantsAccess quantity plan { name } } }
}`;
const ADD = `mutation ($card: String!) {
  addPaymentMethod(input: { stripePaymentMethodId: $card, setDefault: true }) { id last4 }
}`;
const addCard = async (card: string) => (await ada.ask(ADD, { card })).data.addPaymentMethod.id as string;
const create = async (more: object = {}, plan = "Premium") =>
  ada.ask(CREATE, { input: { planId: await planId(service, plan), ...more } });
const refusal = ({ errors }: Awaited<ReturnType<typeof create>>) => errors?.[0]?.extensions;
const subscriptions = async () => {
  const stripe = stripeOf(service);
  const { customer } = await ada.remote();
  return (await stripe.subscriptions.list({ customer: String(customer), status: "all" })).data;
};
const authenticate = async (outcome: "succeed" | "fail") => {
  const stripe = stripeOf(service);
  const { latest_invoice } = await ada.remote();
  const [payment] = (await stripe.invoicePayments.list({ invoice: String(latest_invoice) })).data;
  await fetch(
    `${service.sandbox.url}/sandbox/payment_intents/${payment!.payment.payment_intent}/authenticate`,
    {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ outcome }),
    },
  );
};

test("with a stored card it is paid and open when the answer comes", async () => {
  await addCard("pm_card_visa");
  const { data, errors } = await create({ quantity: 4 }, "Enterprise");
  expect(errors).toBeUndefined();
  expect(data.createSubscription).toMatchObject({
    clientSecret: null,
    subscription: { status: "ACTIVE", grantsAccess: true, quantity: 4, plan: { name: "Enterprise" } },
  });
  expect(await ada.may()).toBe(true);
  expect(refusal(await create())?.code).toBe("ALREADY_SUBSCRIBED");
  expect(await subscriptions()).toHaveLength(1);
});

test("when the bank asks, nothing is open until it is answered; then it is", async () => {
  await addCard("pm_card_authenticationRequired");
  const first = await create();
  const { clientSecret, subscription } = first.data.createSubscription;
  expect(clientSecret).toMatch(/^pi_.+_secret_/);
  expect(subscription).toMatchObject({ status: "INCOMPLETE", grantsAccess: false });
  expect(await ada.subscription()).toBeNull();
  expect(await ada.may()).toBe(false);
  // asked again, the same attempt goes on
  expect((await create()).data.createSubscription).toEqual(first.data.createSubscription);
  await authenticate("succeed");
  await ada.until(({ status }) => status === "ACTIVE");
  expect(await ada.may()).toBe(true);
  expect(await subscriptions()).toHaveLength(1);
});

test("an abandoned attempt, or one that the bank refused, gives way to the next; a page as well", async () => {
  await addCard("pm_card_authenticationRequired");
  const first = await create();
  await authenticate("fail");
  const visa = await addCard("pm_card_visa");
  const second = await create({ paymentMethodId: visa });
  expect(second.data.createSubscription.subscription).toMatchObject({ status: "ACTIVE" });
  const [kept, given] = await subscriptions();
  expect(kept!.status).toBe("active");
  expect(["incomplete_expired", "canceled"]).toContain(given!.status);
  const old = await ada.ask("query ($id: ID!) { subscription(id: $id) { status endReason grantsAccess } }", {
    id: first.data.createSubscription.subscription.id,
  });
  expect(old.data.subscription).toMatchObject({ endReason: "NEVER_PAID", grantsAccess: false });
  const invoices = await ada.invoices();
  expect(invoices.map(({ status }) => status).sort()).toEqual(["paid", "void"]);

  ada = await newLearner(service);
  await addCard("pm_card_authenticationRequired");
  await create();
  await ada.subscribe("Enterprise");
  expect(await ada.subscription()).toMatchObject({ status: "ACTIVE", plan: { name: "Enterprise" } });
  const page = await ada.cancel({ atPeriodEnd: false });
  expect(page.data.cancelSubscription.status).toBe("CANCELED");
});

test("after a bank that asked was refused, the next click is a new try", async () => {
  await addCard("pm_card_authenticationRequired");
  await create();
  await authenticate("fail");
  const again = await create();
  expect(again.errors).toBeUndefined();
  expect(again.data.createSubscription.clientSecret).toMatch(/^pi_.+_secret_/);
  await authenticate("succeed");
  await ada.until(({ status }) => status === "ACTIVE");
});

test("an attempt that waits for the bank can be cancelled, and nothing is left to be paid", async () => {
  await addCard("pm_card_authenticationRequired");
  const { id } = (await create()).data.createSubscription.subscription;
  const cancel = "mutation ($id: ID!) { cancelSubscription(input: { id: $id }) { status endReason } }";
  const { data } = await ada.ask(cancel, { id });
  expect(data.cancelSubscription.endReason).toBe("NEVER_PAID");
  expect((await ada.invoices()).map(({ status }) => status)).toEqual(["void"]);
});

test("who pays in one currency is not sold a plan in another", async () => {
  await ada.subscribe();
  await ada.cancel({ atPeriodEnd: false });
  const stripe = stripeOf(service);
  const product = await stripe.products.create({ name: "Premium in euros" });
  const price = await stripe.prices.create({
    ...{ product: product.id, currency: "eur", unit_amount: 3_500, recurring: { interval: "month" } },
  });
  const [plan] = await service.app.parts.orm.em.fork().execute<{ id: string }[]>(
    `insert into subscription_plans (id, name, tier, amount_minor, currency, "interval", trial_days, features,
         is_active, stripe_price_id, created_at)
       values (gen_random_uuid(), 'In euros', 'PREMIUM', 3500, 'EUR', 'MONTH', 0, '[]', true, ?, now()) returning id`,
    [price.id],
  );
  expect(refusal(await create({ planId: plan!.id }))).toMatchObject({
    ...{ code: "BAD_USER_INPUT", field: "input.planId" },
  });
  await service.app.parts.orm.em.fork().execute("delete from subscription_plans where id = ?", [plan!.id]);
});

test("a declined card is told with its code and leaves nothing behind", async () => {
  await addCard("pm_card_chargeCustomerFail");
  const { data, errors } = await create({ idempotencyKey: "k" });
  expect(data).toBeNull();
  expect(errors?.[0]?.extensions).toMatchObject({ code: "PAYMENT_DECLINED" });
  expect(await ada.subscription()).toBeNull();
  expect((await subscriptions()).every(({ ended_at }) => ended_at !== null)).toBe(true);
  expect((await ada.invoices()).map(({ status }) => status)).toEqual(["void"]);
  await addCard("pm_card_visa");
  expect((await create({ idempotencyKey: "k" })).data.createSubscription.subscription.status).toBe("ACTIVE");
});

test("a code gives its discount; one that is misspelt, over, or for another plan is refused and costs nothing", async () => {
  await addCard("pm_card_visa");
  const stripe = stripeOf(service);
  const enterprise = await ada.ask("{ plans { id name } }");
  expect(enterprise.data.plans.length).toBe(4);
  const [price] = (await stripe.prices.list({ lookup_keys: ["enterprise_monthly"] })).data;
  const forEnterprise = await stripe.coupons.create({
    percent_off: 50,
    duration: "once",
    applies_to: { products: [String(price!.product)] },
  });
  const half = await stripe.coupons.create({ percent_off: 50, duration: "once" });
  const promote = (coupon: string, code: string, more = {}) =>
    stripe.promotionCodes.create({ promotion: { type: "coupon", coupon }, code, ...more });
  await promote(half.id, "HALF");
  await promote(forEnterprise.id, "TEAMS");
  await promote(half.id, "OVER", { active: false });
  for (const [promotionCode, code] of [
    ["HALVE", "BAD_USER_INPUT"],
    ["OVER", "BAD_USER_INPUT"],
    ["TEAMS", "PROMOTION_NOT_APPLICABLE"],
  ])
    expect([promotionCode, refusal(await create({ promotionCode }))]).toEqual([
      promotionCode,
      expect.objectContaining({ code, field: "input.promotionCode" }),
    ]);
  const { data } = await create({ promotionCode: " half " });
  expect(data.createSubscription.subscription.status).toBe("ACTIVE");
  expect((await ada.invoices()).map(({ amount_paid }) => amount_paid)).toEqual([1_950]);
});

test("what is wrong is refused with its own code, and nothing is made", async () => {
  const none = await create();
  expect(refusal(none)).toMatchObject({ code: "BAD_USER_INPUT", field: "input.paymentMethodId" });
  await addCard("pm_card_visa");
  const bob = await newLearner(service);
  const { data } = await bob.ask(ADD, { card: "pm_card_mastercard" });
  const [gone] = await service.app.parts.orm.em.fork().execute<{ id: string }[]>(
    `insert into subscription_plans (id, name, tier, amount_minor, currency, "interval", trial_days, features,
         is_active, stripe_price_id, created_at)
       values (gen_random_uuid(), 'Gone', 'PREMIUM', 100, 'USD', 'MONTH', 0, '[]', false, 'price_gone', now())
       returning id`,
  );
  const rows: [object, string, string?, string?][] = [
    [{ planId: await planId(service, "Free") }, "BAD_USER_INPUT", "input.planId"],
    [{ quantity: 2 }, "BAD_USER_INPUT", "input.quantity"],
    [{ quantity: 0 }, "BAD_USER_INPUT", "input.quantity"],
    [{ quantity: -1 }, "BAD_USER_INPUT", "input.quantity"],
    [{ quantity: 1_000_000_000 }, "BAD_USER_INPUT", "input.quantity"],
    [{ quantity: null }, "BAD_USER_INPUT"],
    [{ planId: null }, "BAD_USER_INPUT"],
    [{ planId: "01890000-0000-7000-8000-000000000000" }, "NOT_FOUND"],
    [{ planId: "nonsense" }, "NOT_FOUND"],
    [{ planId: gone!.id }, "PLAN_INACTIVE"],
    [{ paymentMethodId: data.addPaymentMethod.id }, "BAD_USER_INPUT", "input.paymentMethodId"],
    [{ paymentMethodId: "nonsense" }, "BAD_USER_INPUT", "input.paymentMethodId"],
    [{ promotionCode: "" }, "BAD_USER_INPUT", "input.promotionCode"],
  ];
  for (const [input, code, field] of rows)
    expect([input, refusal(await create(input))]).toEqual([
      input,
      expect.objectContaining({ code, ...(field && { field }) }),
    ]);
  expect(
    await service.app.parts.orm.em
      .fork()
      .execute("select 1 from subscriptions where user_id = ?", [ada.userId]),
  ).toEqual([]);
});

test("twenty at once from two replicas make one subscription, and charge once", async () => {
  await addCard("pm_card_visa");
  const replica = await startReplica(service);
  const input = { planId: await planId(service) };
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, n) => (n % 2 ? replica : service).ask(CREATE, { input }, ada.token)),
  );
  const made = answers.flatMap(({ data }) => data?.createSubscription?.subscription.id ?? []);
  const codes = new Set(answers.map(refusal).flatMap((extensions) => extensions?.code ?? []));
  expect(new Set(made).size).toBe(1);
  for (const code of codes)
    expect(["ALREADY_SUBSCRIBED", "CONFLICT", "PROVIDER_UNAVAILABLE"]).toContain(code);
  expect(await subscriptions()).toHaveLength(1);
  expect(await ada.invoices()).toHaveLength(1);
  await replica.app.stop();
});

test("a key: while the first call runs a retryable conflict, then its answer on every replica, old or new", async () => {
  await addCard("pm_card_visa");
  await setFaults(service, {
    calls: [{ method: "POST", path: "/v1/subscriptions", times: 1, when: "before", delayMs: 1_500 }],
  });
  const running = create({ idempotencyKey: "first" });
  const replica = await startReplica(service);
  const input = { planId: await planId(service), idempotencyKey: "first" };
  const meanwhile = await eventually(
    () => replica.ask(CREATE, { input }, ada.token),
    ({ errors }) => errors !== undefined,
  );
  expect(refusal(meanwhile)).toMatchObject({ code: "CONFLICT", retryable: true });
  const first = await running;
  expect(first.data.createSubscription.subscription.status).toBe("ACTIVE");
  expect(await replica.ask(CREATE, { input }, ada.token)).toEqual(first);
  await replica.app.stop();
  const restarted = await startReplica(service);
  expect(await restarted.ask(CREATE, { input }, ada.token)).toEqual(first);
  const other = { ...input, planId: await planId(service, "Enterprise") };
  const refused = refusal(await restarted.ask(CREATE, { input: other }, ada.token));
  expect(refused).toMatchObject({ code: "CONFLICT" });
  expect(refused?.retryable).toBeUndefined();
  await restarted.app.stop();
  expect(await subscriptions()).toHaveLength(1);
});

test("an answer that Stripe did not give is found out: one subscription, paid once", async () => {
  await addCard("pm_card_visa");
  await setFaults(service, {
    calls: [{ method: "POST", path: "/v1/subscriptions", times: 9, status: "timeout", when: "after" }],
  });
  const { errors } = await create();
  expect(errors?.[0]?.extensions).toMatchObject({ code: "PROVIDER_UNAVAILABLE", retryable: true });
  await setFaults(service, { reset: true });
  await ada.until(({ status }) => status === "ACTIVE");
  expect(await subscriptions()).toHaveLength(1);
  expect(refusal(await create())?.code).toBe("ALREADY_SUBSCRIBED");
});

test("an attempt whose bank is never answered ends by itself, and frees the way", async () => {
  await addCard("pm_card_authenticationRequired");
  await create();
  await fetch(`${service.sandbox.url}/sandbox/advance`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ hours: 24 }),
  });
  await eventually(
    () =>
      service.app.parts.orm.em
        .fork()
        .execute<unknown[]>("select 1 from subscription_slots where user_id = ?", [ada.userId]),
    (slots) => slots.length === 0,
  );
  const visa = await addCard("pm_card_visa");
  expect((await create({ paymentMethodId: visa })).data.createSubscription.subscription.status).toBe(
    "ACTIVE",
  );
});
