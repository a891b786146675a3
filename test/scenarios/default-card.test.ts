import type Stripe from "stripe";
import { subscribe } from "../support/checkout.ts";
import { newLearner } from "../support/learner.ts";
import { addCard, METHODS } from "../support/methods.ts";
import { eventually, newUser, startReplica, startService, type TestService } from "../support/service.ts";
import { setFaults, stripeOf } from "../support/stripe.ts";
import { codeOf, newWallet, type Wallet } from "../support/wallet.ts";

// What is charged: the default of the customer, and of everything that names a method.
let service: TestService;
let stripe: Stripe;
let wallet: Wallet;
beforeAll(async () => {
  service = await startService();
  stripe = stripeOf(service);
});
beforeEach(async () => {
  wallet = await newWallet(service);
});
afterEach(() => setFaults(service, { reset: true }));
afterAll(() => service.stop());

test("is shown at once, on another replica too, and charged for the subscription", async () => {
  await subscribe(service, wallet.token);
  const { data } = await addCard(service, wallet.token, "tok_mastercard");
  const { id } = data.addPaymentMethod;
  const replica = await startReplica(service, { WORKER: "off" });
  try {
    expect((await wallet.setDefault(id)).data.setDefaultPaymentMethod).toEqual({ id, isDefault: true });
    expect((await replica.ask(METHODS, {}, wallet.token)).data.paymentMethods[0]).toMatchObject({
      id,
      isDefault: true,
    });
  } finally {
    await replica.app.stop();
  }
  const mastercard = await wallet.stripeIdOf(id);
  expect(await wallet.atStripe()).toMatchObject({ default: mastercard, ofSubscription: mastercard });
  expect((await wallet.brands()).filter((one) => one.endsWith("*"))).toEqual(["mastercard*"]);
});

test("holds beyond a downgrade that is scheduled, and the card before may go", async () => {
  const ada = await newLearner(service);
  await ada.subscribe("Enterprise");
  expect((await ada.changePlan("Premium")).errors).toBeUndefined();
  const added = await addCard(service, ada.token, "tok_mastercard", { setDefault: true });
  expect(added.data.addPaymentMethod.isDefault).toBe(true);
  const amex = (await addCard(service, ada.token, "tok_amex")).data.addPaymentMethod;
  // the schedule named the first card, then this one
  expect((await wallet.remove(added.data.addPaymentMethod.id, ada.token)).data).toEqual({
    removePaymentMethod: true,
  });
  expect((await ada.subscription()).scheduledPlan).toEqual({ name: "Premium" });
  expect(await wallet.stripeIdOf(amex.id)).toBe((await ada.remote()).default_payment_method);
  await ada.passPeriod();
  await ada.until(({ plan, status }) => plan.name === "Premium" && status === "ACTIVE");
  await eventually(
    async () => (await ada.ask("{ payments { nodes { status methodLabel } } }")).data.payments.nodes[0],
    (latest) => latest.methodLabel === "amex •••• 0005" && latest.status === "SUCCEEDED",
  );
});

test("leaves what somebody promised in a schedule at Stripe as it was", async () => {
  const ada = await newLearner(service);
  await ada.subscribe("Enterprise", 2);
  const { id, default_payment_method: first } = await ada.remote();
  const coupon = await stripe.coupons.create({
    percent_off: 30,
    duration: "repeating",
    duration_in_months: 6,
  });
  const made = await stripe.subscriptionSchedules.create({ from_subscription: id });
  const [now] = made.phases;
  const price = String(now!.items[0]!.price);
  await stripe.subscriptionSchedules.update(made.id, {
    end_behavior: "release",
    phases: [
      { items: [{ price, quantity: 2 }], start_date: now!.start_date, end_date: now!.end_date },
      {
        items: [{ price, quantity: 1, metadata: { agreed: "by phone" } }],
        discounts: [{ coupon: coupon.id }],
        metadata: { promised: "30 off" },
        default_payment_method: String(first),
        duration: { interval: "month", interval_count: 1 },
      },
    ],
  });
  const { data } = await addCard(service, ada.token, "tok_mastercard", { setDefault: true });
  expect(data.addPaymentMethod.isDefault).toBe(true);
  const { phases } = await stripe.subscriptionSchedules.retrieve(made.id);
  expect(phases.at(-1)).toMatchObject({
    items: [{ quantity: 1, metadata: { agreed: "by phone" } }],
    discounts: [{ coupon: coupon.id }],
    metadata: { promised: "30 off" },
    default_payment_method: await wallet.stripeIdOf(data.addPaymentMethod.id),
  });
});

test("lets no change of plan in between that it would overwrite", async () => {
  const ada = await newLearner(service);
  await ada.subscribe("Enterprise", 5);
  await ada.changePlan("Enterprise", { quantity: 3 });
  const { data } = await addCard(service, ada.token, "tok_mastercard");
  await setFaults(service, {
    calls: [{ method: "POST", path: "/v1/customers/*", times: 1, delayMs: 1_500 }],
  });
  const choosing = wallet.setDefault(data.addPaymentMethod.id, ada.token);
  await eventually(
    () => wallet.rows("select 1 from intents where user_id = ? and lease_until > now()", [ada.userId]),
    (leased) => leased.length > 0,
  );
  const refused = await ada.changePlan("Enterprise", { quantity: 2 });
  expect(refused.errors?.[0]?.extensions).toMatchObject({ code: "CONFLICT", retryable: true });
  expect((await choosing).errors).toBeUndefined();
  expect((await ada.changePlan("Enterprise", { quantity: 2 })).errors).toBeUndefined();
  const { schedule } = await ada.remote();
  const { phases } = await stripe.subscriptionSchedules.retrieve(String(schedule));
  expect(phases.at(-1)).toMatchObject({
    items: [{ quantity: 2 }],
    default_payment_method: await wallet.stripeIdOf(data.addPaymentMethod.id),
  });
});

test("goes on where it stopped: the customer first, then the subscription", async () => {
  await subscribe(service, wallet.token);
  const { data } = await addCard(service, wallet.token, "tok_mastercard");
  await setFaults(service, {
    calls: [{ method: "POST", path: "/v1/subscriptions/*", status: "reset", when: "before" }],
  });
  expect(codeOf(await wallet.setDefault(data.addPaymentMethod.id))).toBe("PROVIDER_UNAVAILABLE");
  const mastercard = await wallet.stripeIdOf(data.addPaymentMethod.id);
  const half = await wallet.atStripe();
  expect([half.default, half.ofSubscription === mastercard]).toEqual([mastercard, false]);
  await setFaults(service, { reset: true });
  // nobody asks again: the job does
  await eventually(wallet.atStripe, (now) => now.ofSubscription === mastercard);
  await eventually(
    () => wallet.rows("select 1 from intents where user_id = ? and settled_at is null"),
    (open) => open.length === 0,
  );
  expect((await wallet.brands()).filter((one) => one.endsWith("*"))).toEqual(["mastercard*"]);
});

test("two at once, from two replicas, leave one and the same charged everywhere", async () => {
  await subscribe(service, wallet.token);
  const added = [];
  for (const card of ["tok_mastercard", "tok_amex"])
    added.push((await addCard(service, wallet.token, card)).data.addPaymentMethod.id);
  const replica = await startReplica(service, { WORKER: "off" });
  try {
    for (let round = 0; round < 4; round++) {
      const mutation = (id: string) => `mutation { setDefaultPaymentMethod(id: "${id}") { id isDefault } }`;
      const answers = await Promise.all([
        service.ask(mutation(added[0]), {}, wallet.token),
        replica.ask(mutation(added[1]), {}, wallet.token),
      ]);
      for (const answer of answers) expect([undefined, "CONFLICT"]).toContain(codeOf(answer));
      const remote = await wallet.atStripe();
      expect(remote.ofSubscription).toBe(remote.default);
      const [ours] = (await wallet.shown()).filter(({ isDefault }) => isDefault);
      expect(await wallet.stripeIdOf(ours?.id ?? "")).toBe(remote.default);
    }
  } finally {
    await replica.app.stop();
  }
});

test("another's, an unknown and a malformed one are NOT_FOUND alike, and change nothing", async () => {
  const other = await service.token(newUser());
  const { data } = await addCard(service, other);
  await addCard(service, wallet.token);
  const before = await wallet.atStripe();
  const refused = await Promise.all(
    [data.addPaymentMethod.id, "01890000-0000-7000-8000-000000000000", "nonsense"].flatMap((id) => [
      wallet.setDefault(id),
      wallet.remove(id),
    ]),
  );
  expect(refused.map(codeOf)).toEqual(Array(6).fill("NOT_FOUND"));
  expect(new Set(refused.map(({ errors }) => errors?.[0]?.message)).size).toBe(1);
  expect(await wallet.atStripe()).toEqual(before);
});

test("one that was taken away at Stripe a moment ago is NOT_FOUND", async () => {
  await addCard(service, wallet.token);
  const { data } = await addCard(service, wallet.token, "tok_mastercard");
  await setFaults(service, { webhooks: { drop: 1 } });
  await stripe.paymentMethods.detach(await wallet.stripeIdOf(data.addPaymentMethod.id));
  expect(codeOf(await wallet.setDefault(data.addPaymentMethod.id))).toBe("NOT_FOUND");
  expect(await wallet.brands()).toEqual(["visa*"]);
});
