import { randomUUID } from "node:crypto";
import type Stripe from "stripe";
import { COURSE_ACCESS, openCheckout, planId, STATUS, subscribe } from "../support/checkout.ts";
import { eventually, newUser, startService, type TestService } from "../support/service.ts";
import { atSandbox, customerOf, setFaults, stripeOf } from "../support/stripe.ts";

// A second live subscription of one user: ours is taken back, anyone else's is reported. Access is right in both cases.
let service: TestService;
let stripe: Stripe;
let userId: string;
let token: string;
beforeAll(async () => {
  service = await startService();
  stripe = stripeOf(service);
});
beforeEach(async () => {
  userId = newUser();
  token = await service.token(userId);
});
afterEach(() => setFaults(service, { reset: true }));
afterAll(() => service.stop());

const rows = <T extends object>(sql: string, params: unknown[] = []) =>
  service.app.parts.orm.em.fork().execute<T[]>(sql, params);
const subscriptions = async () =>
  (await stripe.subscriptions.list({ customer: await customerOf(service, userId), status: "all" })).data;
const live = async () => (await subscriptions()).filter(({ status }) => status === "active");
const refunds = async () => {
  const customer = await customerOf(service, userId);
  const charges = (await stripe.charges.list({ customer, expand: ["data.refunds"] })).data;
  return charges.flatMap((charge) => charge.refunds?.data ?? []);
};
const one = async (sql: string, params: unknown[] = []) =>
  Object.values((await rows<Record<string, string>>(sql, params))[0] ?? {})[0];
const slot = () => one("select stripe_subscription_id from subscription_slots where user_id = ?", [userId]);
const remarks = () =>
  rows<{ action: string; table_name: string; reason: string }>(
    "select action, table_name, reason from audit_log where user_id = ? and actor = 'service:payment' order by at, action",
    [userId],
  );
const counted = async (origin: string) =>
  (await service.app.parts.metrics.duplicates.get()).values.find(({ labels }) => labels.origin === origin)
    ?.value ?? 0;
const price = async () =>
  String(await one("select stripe_price_id from subscription_plans where name = 'Premium'"));

/** A page like ours that no slot knows of: another tab's, say, whose process lost the race and its memory. */
async function pageBesides(customer: string): Promise<string> {
  const metadata = { cmh_user_id: userId, cmh_intent_id: randomUUID() };
  const session = await stripe.checkout.sessions.create({
    ...{ mode: "subscription", customer, metadata, subscription_data: { metadata } },
    line_items: [{ price: await price(), quantity: 1 }],
    success_url: "https://learn.example.com/",
  });
  return session.id;
}

/** As it must be in the end: one live subscription, all that the other one took given back, access throughout. */
async function expectOneLeft(): Promise<void> {
  await eventually(refunds, (made) => made.length === 1);
  const all = await eventually(subscriptions, (found) => found.some(({ status }) => status === "canceled"));
  const [first, ...others] = all.filter(({ status }) => status === "active");
  expect(others).toEqual([]);
  expect(all).toHaveLength(2);
  expect(await slot()).toBe(first?.id);
  const { data } = await service.ask(STATUS, {}, token);
  expect(data.subscriptionStatus).toMatchObject({ status: "ACTIVE", grantsAccess: true });
  const canceled = all.find(({ status }) => status === "canceled");
  await eventually(
    () =>
      rows<{ status: string }>("select status from subscriptions where stripe_subscription_id = ?", [
        canceled?.id,
      ]),
    ([row]) => row?.status === "CANCELED",
  );
  await eventually(
    () => rows<{ status: string }>("select status from payments where user_id = ? order by status", [userId]),
    (payments) => payments.map(({ status }) => status).join() === "REFUNDED,SUCCEEDED",
  );
  const granted = await rows<{ stripe_subscription_id: string }>(
    `select stripe_subscription_id from user_access join subscriptions on subscriptions.id::text = source_id
     where user_access.user_id = ? and revoked_at is null and expires_at > ?`,
    [userId, service.app.parts.clock.now()],
  );
  expect(granted.map((row) => row.stripe_subscription_id)).toEqual([first?.id]);
}

test("two pages of one user, both paid at once: one subscription stays, the other ends and its money goes back", async () => {
  const before = await counted("ours");
  const { data } = await openCheckout(service, token);
  const other = await pageBesides(await customerOf(service, userId));
  const answers = await Promise.all([service.pay(data.createCheckoutSession.id), service.pay(other)]);
  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  await expectOneLeft();
  expect((await service.ask(COURSE_ACCESS, {}, token)).data.accessTo.granted).toBe(true);
  expect(await remarks()).toEqual([
    {
      action: "cancel-duplicate",
      table_name: "subscriptions",
      reason: expect.stringContaining("made by us"),
    },
    { action: "refund-duplicate", table_name: "payments", reason: expect.stringContaining("goes back") },
  ]);
  expect(await counted("ours")).toBe(before + 1);
  const intents = await rows(
    "select kind, state, tries from intents where user_id = ? and kind like '%duplicate%' order by kind",
    [userId],
  );
  expect(intents).toEqual([
    { kind: "cancel-duplicate-subscription", state: "SUCCEEDED", tries: 1 },
    { kind: "refund-duplicate", state: "SUCCEEDED", tries: 1 },
  ]);
});

test.each(["before", "after"])(
  "also when Stripe's answers are lost %s their effect: one end, one refund",
  async (when) => {
    const { data } = await openCheckout(service, token);
    const other = await pageBesides(await customerOf(service, userId));
    await setFaults(service, {
      calls: [
        { method: "DELETE", path: "/v1/subscriptions/*", times: 3, status: "reset", when },
        { method: "POST", path: "/v1/refunds", times: 3, status: "reset", when },
      ],
    });
    await Promise.all([service.pay(data.createCheckoutSession.id), service.pay(other)]);
    await expectOneLeft();
  },
);

test("asked again a day later, when Stripe has forgotten its keys: what was done is found, not repeated", async () => {
  const { data } = await openCheckout(service, token);
  const other = await pageBesides(await customerOf(service, userId));
  await Promise.all([service.pay(data.createCheckoutSession.id), service.pay(other)]);
  await expectOneLeft();
  const intents = await rows<{ id: string; stripe_id: string }>(
    `update intents set state = 'PENDING', settled_at = null, stripe_id = null, posted_at = posted_at - interval '24 hours'
      where user_id = ? and kind like '%duplicate%' returning id`,
    [userId],
  );
  expect(intents).toHaveLength(2);
  for (const { id } of intents) await service.app.parts.intents.carryThrough(id);
  expect(await refunds()).toHaveLength(1);
  expect(
    await rows<{ state: string }>(
      "select distinct state, settled_at is not null as settled from intents where user_id = ?",
      [userId],
    ),
  ).toEqual([{ state: "SUCCEEDED", settled: true }]);
});

test("a refund that the bank sends back is made again, three in all; then the money is told to be owed, once", async () => {
  const { data } = await openCheckout(service, token);
  const other = await pageBesides(await customerOf(service, userId));
  await Promise.all([service.pay(data.createCheckoutSession.id), service.pay(other)]);
  await expectOneLeft();
  const sentBack = async (next: string) =>
    (await service.app.parts.metrics.refundsSentBack.get()).values.find(({ labels }) => labels.next === next)
      ?.value ?? 0;
  for (const made of [1, 2, 3]) {
    const [newest] = await eventually(refunds, (all) => all.length === made);
    await atSandbox(service, `refunds/${newest?.id}`, { status: "failed" });
  }
  const told = await eventually(remarks, (found) => found.some(({ action }) => action === "refund-owed"));
  expect(told.map(({ action }) => action)).toEqual([
    ...["cancel-duplicate", "refund-duplicate", "refund-duplicate", "refund-duplicate", "refund-owed"],
  ]);
  // counted once it is written
  await eventually(
    async () => [await sentBack("refunded_again"), await sentBack("owed")].join(),
    (counts) => counts === "2,1",
  );
  for (const { payment_intent } of await refunds())
    await service.app.parts.sync.payment(String(payment_intent));
  expect(await refunds()).toHaveLength(3);
  expect((await remarks()).filter(({ action }) => action === "refund-owed")).toHaveLength(1);
});

test("one that Stripe refused to cancel is cancelled when it is looked at again", async () => {
  const { data } = await openCheckout(service, token);
  const other = await pageBesides(await customerOf(service, userId));
  await setFaults(service, {
    calls: [{ method: "DELETE", path: "/v1/subscriptions/*", times: 1, status: 400, when: "before" }],
  });
  await Promise.all([service.pay(data.createCheckoutSession.id), service.pay(other)]);
  await eventually(
    () =>
      rows<{ state: string }>(
        "select state from intents where user_id = ? and kind = 'cancel-duplicate-subscription'",
        [userId],
      ),
    // an event that comes right behind has it looked at again by itself
    ([intent]) => intent?.state === "FAILED" || intent?.state === "SUCCEEDED",
  );
  for (const { id } of await subscriptions()) await service.app.parts.sync.subscription(id);
  await expectOneLeft();
  expect((await remarks()).filter(({ action }) => action === "cancel-duplicate")).toHaveLength(1);
});

test("one made elsewhere is left alone and reported once; it keeps access open when the first has ended", async () => {
  const before = await counted("elsewhere");
  await subscribe(service, token);
  const first = await slot();
  const customer = await customerOf(service, userId);
  const method = await stripe.paymentMethods.attach("pm_card_visa", { customer });
  const second = await stripe.subscriptions.create({
    ...{ customer, items: [{ price: await price() }], default_payment_method: method.id },
  });
  const told = await eventually(remarks, (found) => found.length > 0);
  expect(told).toEqual([
    {
      action: "report-duplicate",
      table_name: "subscriptions",
      reason: expect.stringContaining("not made by us"),
    },
  ]);
  await service.app.parts.sync.subscription(second.id);
  expect(await remarks()).toHaveLength(1);
  expect(await counted("elsewhere")).toBe(before + 1);
  expect((await live()).map(({ id }) => id).sort()).toEqual([first, second.id].sort());
  expect(await slot()).toBe(first);
  expect(await refunds()).toEqual([]);

  await stripe.subscriptions.cancel(String(first));
  await eventually(
    () =>
      rows<{ status: string }>("select status from subscriptions where stripe_subscription_id = ?", [first]),
    ([row]) => row?.status === "CANCELED",
  );
  expect((await service.ask(COURSE_ACCESS, {}, token)).data.accessTo.granted).toBe(true);
  await service.app.parts.sync.subscription(second.id);
  expect(await slot()).toBe(second.id);
  const again = await openCheckout(service, token);
  expect(again.errors?.[0]?.extensions.code).toBe("ALREADY_SUBSCRIBED");
});

test("a first one that has ended, unknown to us, makes no second of the next", async () => {
  await subscribe(service, token);
  const first = await slot();
  const [endpoint] = (await stripe.webhookEndpoints.list()).data;
  await stripe.webhookEndpoints.update(String(endpoint?.id), { disabled: true });
  try {
    await stripe.subscriptions.cancel(String(first));
    const other = await pageBesides(await customerOf(service, userId));
    await service.pay(other);
    const { subscription } = await stripe.checkout.sessions.retrieve(other);
    await service.app.parts.sync.subscription(String(subscription));
    expect(await slot()).toBe(subscription);
    expect(await remarks()).toEqual([]);
    expect((await live()).map(({ id }) => id)).toEqual([subscription]);
  } finally {
    await stripe.webhookEndpoints.update(String(endpoint?.id), { disabled: false });
  }
});

test("one that a bank debit pays for days later goes back as well", async () => {
  await subscribe(service, token);
  const first = await slot();
  const customer = await customerOf(service, userId);
  const other = await pageBesides(customer);
  expect((await service.pay(other, "pm_usBankAccount_processing")).status).toBe(200);
  const debit = (await stripe.paymentIntents.list({ customer })).data.find(
    ({ status }) => status === "processing",
  );
  expect(await remarks()).toEqual([]);
  await atSandbox(service, `payment_intents/${debit?.id}/settle`, { outcome: "succeed" });
  await expectOneLeft();
  expect(await slot()).toBe(first);
});

test("fifty checkouts at once, each page paid as soon as it is shown, leave one live subscription", async () => {
  const plans = [await planId(service), await planId(service, "Premium Annual")];
  await Promise.all(
    Array.from({ length: 50 }, async (_, index) => {
      const { data } = await openCheckout(service, token, { planId: plans[index % 2] });
      if (data?.createCheckoutSession) await service.pay(data.createCheckoutSession.id);
    }),
  );
  await eventually(live, (found) => found.length === 1);
  // whatever was still under way has come to its end
  await eventually(
    () =>
      rows(
        `select 1 from intents where user_id = ? and settled_at is null and state <> 'FAILED'
         union all select 1 from stripe_events where status = 'pending'`,
        [userId],
      ),
    (pending) => pending.length === 0,
  );
  const [only] = await live();
  expect(await live()).toHaveLength(1);
  expect(await slot()).toBe(only?.id);
  const customers = await stripe.customers.list({ email: `${userId}@example.com`, limit: 100 });
  expect(customers.data).toHaveLength(1);
  const { data } = await service.ask(STATUS, {}, token);
  expect(data.subscriptionStatus).toMatchObject({ status: "ACTIVE", grantsAccess: true });
}, 120_000);
