import type Stripe from "stripe";
import { subscribe } from "../support/checkout.ts";
import { newLearner } from "../support/learner.ts";
import { addCard, addMethod, METHODS, newMethod } from "../support/methods.ts";
import { eventually, newUser, startReplica, startService, type TestService } from "../support/service.ts";
import { customerOf, setFaults, stripeOf } from "../support/stripe.ts";

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

interface Shown {
  id: string;
  brand: string;
  last4: string;
  isDefault: boolean;
}
const rows = <T>(sql: string, params: unknown[] = [userId]) =>
  service.app.parts.orm.em.fork().execute<T[]>(sql, params);
const shown = async (): Promise<Shown[]> => (await service.ask(METHODS, {}, token)).data.paymentMethods;
const brands = async () => (await shown()).map(({ brand, isDefault }) => (isDefault ? `${brand}*` : brand));
const untilBrands = (wanted: string[]) =>
  eventually(brands, (seen) => JSON.stringify(seen) === JSON.stringify(wanted));
const setDefault = (id: string, as = token, more = "") =>
  service.ask(`mutation ($id: ID!) { setDefaultPaymentMethod(id: $id${more}) { id isDefault } }`, { id }, as);
const remove = (id: string, as = token, more = "") =>
  service.ask(`mutation ($id: ID!) { removePaymentMethod(id: $id${more}) }`, { id }, as);
const codeOf = ({ errors }: { errors?: { extensions: { code: string } }[] }) => errors?.[0]?.extensions.code;
const atStripe = async () => {
  const customer = (await stripe.customers.retrieve(await customerOf(service, userId))) as Stripe.Customer;
  const { data } = await stripe.subscriptions.list({ customer: customer.id });
  return {
    default: customer.invoice_settings.default_payment_method,
    ofSubscription: data[0]?.default_payment_method,
    all: (await stripe.customers.listPaymentMethods(customer.id)).data.map(({ id }) => id),
  };
};
const stripeIdOf = async (id: string) =>
  (
    await rows<{ pm: string }>("select stripe_payment_method_id as pm from payment_methods where id = ?", [
      id,
    ])
  )[0]?.pm as string;

describe("adding", () => {
  test("the first method makes the customer, is charged by default, and is shown as it is", async () => {
    const { data, errors } = await addCard(service, token);
    expect(errors).toBeUndefined();
    expect(data.addPaymentMethod).toMatchObject({
      ...{ type: "card", brand: "visa", last4: "4242", expMonth: 12, isDefault: true },
    });
    expect(await shown()).toEqual([data.addPaymentMethod]);
    expect((await atStripe()).default).toBe(await stripeIdOf(data.addPaymentMethod.id));
  });

  test("another one is charged only when that is said", async () => {
    await addCard(service, token);
    const second = await addCard(service, token, "tok_mastercard");
    expect(second.data.addPaymentMethod.isDefault).toBe(false);
    expect(await brands()).toEqual(["mastercard", "visa*"]);
    const third = await addCard(service, token, "tok_amex", { setDefault: true });
    expect(third.data.addPaymentMethod.isDefault).toBe(true);
    expect(await brands()).toEqual(["amex*", "mastercard", "visa"]);
  });

  test("a subscriber's new default is charged for the subscription too, another one is not", async () => {
    await subscribe(service, token);
    const { ofSubscription: paidWith } = await atStripe();
    expect(paidWith).toBeTruthy();
    await addCard(service, token, "tok_mastercard");
    expect((await atStripe()).ofSubscription).toBe(paidWith);
    const { data } = await addCard(service, token, "tok_amex", { setDefault: true });
    const amex = await stripeIdOf(data.addPaymentMethod.id);
    expect(await atStripe()).toMatchObject({ default: amex, ofSubscription: amex });
  });

  test("a card that is declined is PAYMENT_DECLINED with its code, and nothing is stored", async () => {
    const declined = await addCard(service, token, "tok_chargeDeclinedInsufficientFunds");
    expect(declined.errors?.[0]).toMatchObject({
      message: expect.stringContaining("insufficient funds"),
      extensions: { code: "PAYMENT_DECLINED", declineCode: "insufficient_funds" },
    });
    const stolen = await addCard(service, token, "tok_chargeDeclinedStolenCard");
    expect(stolen.errors?.[0]?.extensions).toEqual({
      code: "PAYMENT_DECLINED",
      declineCode: "generic_decline",
    });
    expect(await shown()).toEqual([]);
    expect((await atStripe()).all).toEqual([]);
  });

  test("who joined an attempt that is declined is told the same, with the same code", async () => {
    await addCard(service, token);
    const method = await newMethod(service, "tok_chargeDeclinedExpiredCard");
    await setFaults(service, {
      calls: [{ method: "POST", path: "/v1/payment_methods/*/attach", times: 1, delayMs: 500 }],
    });
    const answers = await Promise.all([1, 2].map(() => addMethod(service, token, method)));
    for (const { errors } of answers)
      expect(errors?.[0]).toMatchObject({
        message: expect.stringContaining("expired"),
        extensions: { code: "PAYMENT_DECLINED", declineCode: "expired_card" },
      });
    expect(await rows("select 1 from intents where user_id = ? and state = 'FAILED'")).toHaveLength(1);
  });

  test.each([
    ["unknown", async () => "pm_1NobodyHasEverSeenThis"],
    ["malformed", async () => "card number 4242"],
    ["empty", async () => ""],
    [
      "somebody else's",
      async () => {
        const other = await service.token(newUser());
        const method = await newMethod(service);
        await addMethod(service, other, method);
        return method;
      },
    ],
    [
      "spent: it was detached",
      async () => {
        const { id: customer } = await stripe.customers.create();
        const { id } = await stripe.paymentMethods.attach("pm_card_visa", { customer });
        await stripe.paymentMethods.detach(id);
        return id;
      },
    ],
  ])("a method that is %s is BAD_USER_INPUT at its field, and changes nothing", async (what, make) => {
    const { errors } = await addMethod(service, token, await make());
    expect(errors?.[0]?.extensions).toEqual({
      ...{ code: "BAD_USER_INPUT", field: "input.stripePaymentMethodId" },
    });
    expect(await shown()).toEqual([]);
    // one that is found to be spent is found when it is attached
    const customers = await rows("select 1 from customers where user_id = ?");
    expect(customers).toHaveLength(what.startsWith("spent") ? 1 : 0);
  });

  test("the same key gives the first answer again, another input is CONFLICT", async () => {
    const method = await newMethod(service);
    const first = await addMethod(service, token, method, { idempotencyKey: "k" });
    expect(await addMethod(service, token, method, { idempotencyKey: "k" })).toEqual(first);
    const other = await addMethod(service, token, await newMethod(service), { idempotencyKey: "k" });
    expect(codeOf(other)).toBe("CONFLICT");
    expect(await shown()).toHaveLength(1);
  });

  test("what is added again is there once", async () => {
    const method = await newMethod(service);
    const [first, second] = [
      await addMethod(service, token, method),
      await addMethod(service, token, method),
    ];
    expect(second.data).toEqual(first.data);
    expect(await shown()).toHaveLength(1);
  });

  test("a customer who was deleted at Stripe gets another one", async () => {
    await addCard(service, token);
    const before = await customerOf(service, userId);
    await setFaults(service, { webhooks: { drop: 1 } });
    await stripe.customers.del(before);
    const { data } = await addCard(service, token, "tok_mastercard");
    expect(data.addPaymentMethod).toMatchObject({ brand: "mastercard", isDefault: true });
    expect(await customerOf(service, userId)).not.toBe(before);
    expect(await brands()).toEqual(["mastercard*"]);
  });

  test.each([
    ["attached", "/v1/payment_methods/*/attach", "after"],
    ["not attached", "/v1/payment_methods/*/attach", "before"],
    ["made the default", "/v1/customers/*", "after"],
    ["not made the default", "/v1/customers/*", "before"],
  ])("an answer lost when it was %s is found out, and the rest follows", async (_name, path, when) => {
    await addCard(service, token);
    const method = await newMethod(service, "tok_mastercard");
    await setFaults(service, { calls: [{ method: "POST", path, status: "reset", when }] });
    const lost = await addMethod(service, token, method, { setDefault: true });
    expect(codeOf(lost)).toBe("PROVIDER_UNAVAILABLE");
    await setFaults(service, { reset: true });
    const found = await addMethod(service, token, method, { setDefault: true });
    expect(found.data.addPaymentMethod).toMatchObject({ brand: "mastercard", isDefault: true });
    expect(await brands()).toEqual(["mastercard*", "visa"]);
    expect((await atStripe()).all).toHaveLength(2);
  });
});

describe("making one the default", () => {
  test("is shown at once, on another replica too, and charged for the subscription", async () => {
    await subscribe(service, token);
    const { data } = await addCard(service, token, "tok_mastercard");
    const { id } = data.addPaymentMethod;
    const replica = await startReplica(service, { WORKER: "off" });
    try {
      expect((await setDefault(id)).data.setDefaultPaymentMethod).toEqual({ id, isDefault: true });
      expect((await replica.ask(METHODS, {}, token)).data.paymentMethods[0]).toMatchObject({
        id,
        isDefault: true,
      });
    } finally {
      await replica.app.stop();
    }
    const mastercard = await stripeIdOf(id);
    expect(await atStripe()).toMatchObject({ default: mastercard, ofSubscription: mastercard });
    expect((await brands()).filter((one) => one.endsWith("*"))).toEqual(["mastercard*"]);
  });

  test("holds beyond a downgrade that is scheduled, and the card before may go", async () => {
    const ada = await newLearner(service);
    await ada.subscribe("Enterprise");
    expect((await ada.changePlan("Premium")).errors).toBeUndefined();
    const added = await addCard(service, ada.token, "tok_mastercard", { setDefault: true });
    expect(added.data.addPaymentMethod.isDefault).toBe(true);
    const amex = (await addCard(service, ada.token, "tok_amex")).data.addPaymentMethod;
    // the schedule named the first card, then this one
    expect((await remove(added.data.addPaymentMethod.id, ada.token)).data).toEqual({
      removePaymentMethod: true,
    });
    expect((await ada.subscription()).scheduledPlan).toEqual({ name: "Premium" });
    expect(await stripeIdOf(amex.id)).toBe((await ada.remote()).default_payment_method);
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
      default_payment_method: await stripeIdOf(data.addPaymentMethod.id),
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
    const choosing = setDefault(data.addPaymentMethod.id, ada.token);
    await eventually(
      () => rows("select 1 from intents where user_id = ? and lease_until > now()", [ada.userId]),
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
      default_payment_method: await stripeIdOf(data.addPaymentMethod.id),
    });
  });

  test("goes on where it stopped: the customer first, then the subscription", async () => {
    await subscribe(service, token);
    const { data } = await addCard(service, token, "tok_mastercard");
    await setFaults(service, {
      calls: [{ method: "POST", path: "/v1/subscriptions/*", status: "reset", when: "before" }],
    });
    expect(codeOf(await setDefault(data.addPaymentMethod.id))).toBe("PROVIDER_UNAVAILABLE");
    const mastercard = await stripeIdOf(data.addPaymentMethod.id);
    const half = await atStripe();
    expect([half.default, half.ofSubscription === mastercard]).toEqual([mastercard, false]);
    await setFaults(service, { reset: true });
    // nobody asks again: the job does
    await eventually(atStripe, (now) => now.ofSubscription === mastercard);
    await eventually(
      () => rows("select 1 from intents where user_id = ? and settled_at is null"),
      (open) => open.length === 0,
    );
    expect((await brands()).filter((one) => one.endsWith("*"))).toEqual(["mastercard*"]);
  });

  test("two at once, from two replicas, leave one and the same charged everywhere", async () => {
    await subscribe(service, token);
    const added = [];
    for (const card of ["tok_mastercard", "tok_amex"])
      added.push((await addCard(service, token, card)).data.addPaymentMethod.id);
    const replica = await startReplica(service, { WORKER: "off" });
    try {
      for (let round = 0; round < 4; round++) {
        const mutation = (id: string) => `mutation { setDefaultPaymentMethod(id: "${id}") { id isDefault } }`;
        const answers = await Promise.all([
          service.ask(mutation(added[0]), {}, token),
          replica.ask(mutation(added[1]), {}, token),
        ]);
        for (const answer of answers) expect([undefined, "CONFLICT"]).toContain(codeOf(answer));
        const remote = await atStripe();
        expect(remote.ofSubscription).toBe(remote.default);
        const [ours] = (await shown()).filter(({ isDefault }) => isDefault);
        expect(await stripeIdOf(ours?.id ?? "")).toBe(remote.default);
      }
    } finally {
      await replica.app.stop();
    }
  });

  test("another's, an unknown and a malformed one are NOT_FOUND alike, and change nothing", async () => {
    const other = await service.token(newUser());
    const { data } = await addCard(service, other);
    await addCard(service, token);
    const before = await atStripe();
    const refused = await Promise.all(
      [data.addPaymentMethod.id, "01890000-0000-7000-8000-000000000000", "nonsense"].flatMap((id) => [
        setDefault(id),
        remove(id),
      ]),
    );
    expect(refused.map(codeOf)).toEqual(Array(6).fill("NOT_FOUND"));
    expect(new Set(refused.map(({ errors }) => errors?.[0]?.message)).size).toBe(1);
    expect(await atStripe()).toEqual(before);
  });

  test("one that was taken away at Stripe a moment ago is NOT_FOUND", async () => {
    await addCard(service, token);
    const { data } = await addCard(service, token, "tok_mastercard");
    await setFaults(service, { webhooks: { drop: 1 } });
    await stripe.paymentMethods.detach(await stripeIdOf(data.addPaymentMethod.id));
    expect(codeOf(await setDefault(data.addPaymentMethod.id))).toBe("NOT_FOUND");
    expect(await brands()).toEqual(["visa*"]);
  });
});

describe("removing", () => {
  test("takes it away at Stripe, and the newest of the others is charged when it was the default", async () => {
    const { data } = await addCard(service, token);
    await addCard(service, token, "tok_mastercard");
    await addCard(service, token, "tok_amex");
    expect((await remove(data.addPaymentMethod.id)).data).toEqual({ removePaymentMethod: true });
    expect(await brands()).toEqual(["amex*", "mastercard"]);
    expect((await atStripe()).all).toHaveLength(2);
    expect(codeOf(await remove(data.addPaymentMethod.id))).toBe("NOT_FOUND");
    const asked = await rows<{ actor: string; action: string }>(
      "select actor, action from audit_log where user_id = ? and actor <> 'stripe' order by id",
    );
    expect(asked.map(({ action }) => action)).toEqual([
      ...Array(3).fill("add-payment-method"),
      "remove-payment-method",
    ]);
    expect(new Set(asked.map(({ actor }) => actor))).toEqual(new Set([`user:${userId}`]));
  });

  test("a subscription that named it goes on with the next", async () => {
    await subscribe(service, token);
    await addCard(service, token, "tok_mastercard");
    const visa = (await shown()).find(({ brand }) => brand === "visa");
    expect((await remove(visa?.id ?? "")).data).toEqual({ removePaymentMethod: true });
    const remote = await atStripe();
    expect(remote.all).toEqual([remote.default]);
    expect(remote.ofSubscription).toBe(remote.default);
    expect(await brands()).toEqual(["mastercard*"]);
  });

  test("the last one of a subscription that renews stays; once that is cancelled it may go", async () => {
    await subscribe(service, token);
    const [only] = await shown();
    const refused = await remove(only?.id ?? "");
    expect(refused.errors?.[0]).toMatchObject({
      message: expect.stringContaining("Add another one first"),
      extensions: { code: "CONFLICT" },
    });
    expect((await atStripe()).all).toHaveLength(1);
    const { data } = await stripe.subscriptions.list({ customer: await customerOf(service, userId) });
    await stripe.subscriptions.update(data[0]?.id ?? "", { cancel_at_period_end: true });
    await eventually(
      () => service.ask("{ subscriptionStatus { cancelAtPeriodEnd } }", {}, token),
      (answer) => answer.data.subscriptionStatus.cancelAtPeriodEnd,
    );
    expect((await remove(only?.id ?? "")).data).toEqual({ removePaymentMethod: true });
    expect(await shown()).toEqual([]);
  });

  test("two that are removed at once do not leave a subscription with nothing", async () => {
    await subscribe(service, token);
    await addCard(service, token, "tok_mastercard");
    const answers = await Promise.all((await shown()).map(({ id }) => remove(id)));
    expect(answers.map(codeOf).filter((code) => code === "CONFLICT")).toHaveLength(1);
    expect((await atStripe()).all).toHaveLength(1);
  });

  test("the same key says again that it is done", async () => {
    const { data } = await addCard(service, token);
    const { id } = data.addPaymentMethod;
    const again = () => remove(id, token, ', idempotencyKey: "gone"');
    expect((await again()).data).toEqual({ removePaymentMethod: true });
    expect((await again()).data).toEqual({ removePaymentMethod: true });
  });

  test("what was detached while its answer was lost is gone", async () => {
    const { data } = await addCard(service, token);
    await setFaults(service, {
      calls: [{ method: "POST", path: "/v1/payment_methods/*/detach", status: "reset", when: "after" }],
    });
    expect(codeOf(await remove(data.addPaymentMethod.id))).toBe("PROVIDER_UNAVAILABLE");
    await setFaults(service, { reset: true });
    await untilBrands([]);
  });
});

describe("a card form", () => {
  const CREATE = "mutation ($key: String) { createSetupIntent(idempotencyKey: $key) { clientSecret } }";

  test("gets the secret of a setup for payments without the customer, which is kept nowhere", async () => {
    const { data } = await service.ask(CREATE, { key: "form" }, token);
    const { clientSecret } = data.createSetupIntent;
    const setup = await stripe.setupIntents.retrieve(clientSecret.split("_secret_")[0]);
    expect(setup).toMatchObject({
      ...{ client_secret: clientSecret, usage: "off_session", customer: await customerOf(service, userId) },
    });
    expect((await service.ask(CREATE, { key: "form" }, token)).data).toEqual(data);
    expect((await service.ask(CREATE, {}, token)).data).not.toEqual(data);
    const kept = await rows<{ all: string }>(
      `select concat((select string_agg(i::text, '') from intents i), (select string_agg(k::text, '') from idempotency_keys k),
         (select string_agg(a::text, '') from audit_log a), (select string_agg(o::text, '') from outbox o)) as all`,
      [],
    );
    expect(kept[0]?.all).not.toContain("_secret_");
  });

  test("what it stores arrives by itself", async () => {
    const { data } = await service.ask(CREATE, {}, token);
    const [id] = data.createSetupIntent.clientSecret.split("_secret_");
    await stripe.setupIntents.confirm(id, {
      ...{ payment_method: "pm_card_mastercard", return_url: "https://learn.example.com" },
    });
    await untilBrands(["mastercard"]);
  });
});

describe("what is changed elsewhere", () => {
  test("a method that is attached, renewed by its network, made the default and detached is shown as it is", async () => {
    await addCard(service, token);
    const customer = await customerOf(service, userId);
    const { id } = await stripe.paymentMethods.attach("pm_card_mastercard", { customer });
    await untilBrands(["mastercard", "visa*"]);
    await fetch(`${service.sandbox.url}/sandbox/payment_methods/${id}/update`, {
      method: "POST",
      body: new URLSearchParams({ exp_month: "7", exp_year: "2044" }),
    });
    await eventually(
      async () => (await service.ask(METHODS, {}, token)).data.paymentMethods[0],
      ({ expMonth, expYear }) => expMonth === 7 && expYear === 2044,
    );
    await stripe.customers.update(customer, { invoice_settings: { default_payment_method: id } });
    await untilBrands(["mastercard*", "visa"]);
    await stripe.paymentMethods.detach(id);
    await untilBrands(["visa"]);
    const removed = await eventually(
      () =>
        rows<{ actor: string }>(
          "select actor from audit_log where user_id = ? and table_name = 'payment_methods' and action = 'removed'",
        ),
      (found) => found.length > 0,
    );
    expect(removed).toEqual([{ actor: "stripe" }]);
  });
});
