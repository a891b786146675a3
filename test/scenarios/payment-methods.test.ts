import type Stripe from "stripe";
import { subscribe } from "../support/checkout.ts";
import { addCard, METHODS } from "../support/methods.ts";
import { eventually, startService, type TestService } from "../support/service.ts";
import { customerOf, setFaults, stripeOf } from "../support/stripe.ts";
import { codeOf, newWallet, type Wallet } from "../support/wallet.ts";

// Methods on their way out, forms for new ones, and what is changed elsewhere. The rest: adding-cards, default-card.
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

describe("removing", () => {
  test("takes it away at Stripe, and the newest of the others is charged when it was the default", async () => {
    const { data } = await addCard(service, wallet.token);
    await addCard(service, wallet.token, "tok_mastercard");
    await addCard(service, wallet.token, "tok_amex");
    expect((await wallet.remove(data.addPaymentMethod.id)).data).toEqual({ removePaymentMethod: true });
    expect(await wallet.brands()).toEqual(["amex*", "mastercard"]);
    expect((await wallet.atStripe()).all).toHaveLength(2);
    expect(codeOf(await wallet.remove(data.addPaymentMethod.id))).toBe("NOT_FOUND");
    const asked = await wallet.rows<{ actor: string; action: string }>(
      "select actor, action from audit_log where user_id = ? and actor <> 'stripe' order by id",
    );
    expect(asked.map(({ action }) => action)).toEqual([
      ...Array(3).fill("add-payment-method"),
      "remove-payment-method",
    ]);
    expect(new Set(asked.map(({ actor }) => actor))).toEqual(new Set([`user:${wallet.userId}`]));
  });

  test("a subscription that named it goes on with the next", async () => {
    await subscribe(service, wallet.token);
    await addCard(service, wallet.token, "tok_mastercard");
    const visa = (await wallet.shown()).find(({ brand }) => brand === "visa");
    expect((await wallet.remove(visa?.id ?? "")).data).toEqual({ removePaymentMethod: true });
    const remote = await wallet.atStripe();
    expect(remote.all).toEqual([remote.default]);
    expect(remote.ofSubscription).toBe(remote.default);
    expect(await wallet.brands()).toEqual(["mastercard*"]);
  });

  test("the last one of a subscription that renews stays; once that is cancelled it may go", async () => {
    await subscribe(service, wallet.token);
    const [only] = await wallet.shown();
    const refused = await wallet.remove(only?.id ?? "");
    expect(refused.errors?.[0]).toMatchObject({
      message: expect.stringContaining("Add another one first"),
      extensions: { code: "CONFLICT" },
    });
    expect((await wallet.atStripe()).all).toHaveLength(1);
    const { data } = await stripe.subscriptions.list({ customer: await customerOf(service, wallet.userId) });
    await stripe.subscriptions.update(data[0]?.id ?? "", { cancel_at_period_end: true });
    await eventually(
      () => service.ask("{ subscriptionStatus { cancelAtPeriodEnd } }", {}, wallet.token),
      (answer) => answer.data.subscriptionStatus.cancelAtPeriodEnd,
    );
    expect((await wallet.remove(only?.id ?? "")).data).toEqual({ removePaymentMethod: true });
    expect(await wallet.shown()).toEqual([]);
  });

  test("two that are removed at once do not leave a subscription with nothing", async () => {
    await subscribe(service, wallet.token);
    await addCard(service, wallet.token, "tok_mastercard");
    const answers = await Promise.all((await wallet.shown()).map(({ id }) => wallet.remove(id)));
    expect(answers.map(codeOf).filter((code) => code === "CONFLICT")).toHaveLength(1);
    expect((await wallet.atStripe()).all).toHaveLength(1);
  });

  test("the same key says again that it is done", async () => {
    const { data } = await addCard(service, wallet.token);
    const { id } = data.addPaymentMethod;
    const again = () => wallet.remove(id, wallet.token, ', idempotencyKey: "gone"');
    expect((await again()).data).toEqual({ removePaymentMethod: true });
    expect((await again()).data).toEqual({ removePaymentMethod: true });
  });

  test("what was detached while its answer was lost is gone", async () => {
    const { data } = await addCard(service, wallet.token);
    await setFaults(service, {
      calls: [{ method: "POST", path: "/v1/payment_methods/*/detach", status: "reset", when: "after" }],
    });
    expect(codeOf(await wallet.remove(data.addPaymentMethod.id))).toBe("PROVIDER_UNAVAILABLE");
    await setFaults(service, { reset: true });
    await wallet.untilBrands([]);
  });
});

describe("a card form", () => {
  const CREATE = "mutation ($key: String) { createSetupIntent(idempotencyKey: $key) { clientSecret } }";

  test("gets the secret of a setup for payments without the customer, which is kept nowhere", async () => {
    const { data } = await service.ask(CREATE, { key: "form" }, wallet.token);
    const { clientSecret } = data.createSetupIntent;
    const setup = await stripe.setupIntents.retrieve(clientSecret.split("_secret_")[0]);
    expect(setup).toMatchObject({
      ...{
        client_secret: clientSecret,
        usage: "off_session",
        customer: await customerOf(service, wallet.userId),
      },
    });
    expect((await service.ask(CREATE, { key: "form" }, wallet.token)).data).toEqual(data);
    expect((await service.ask(CREATE, {}, wallet.token)).data).not.toEqual(data);
    const kept = await wallet.rows<{ all: string }>(
      `select concat((select string_agg(i::text, '') from intents i), (select string_agg(k::text, '') from idempotency_keys k),
         (select string_agg(a::text, '') from audit_log a), (select string_agg(o::text, '') from outbox o)) as all`,
      [],
    );
    expect(kept[0]?.all).not.toContain("_secret_");
  });

  test("what it stores arrives by itself", async () => {
    const { data } = await service.ask(CREATE, {}, wallet.token);
    const [id] = data.createSetupIntent.clientSecret.split("_secret_");
    await stripe.setupIntents.confirm(id, {
      ...{ payment_method: "pm_card_mastercard", return_url: "https://learn.example.com" },
    });
    await wallet.untilBrands(["mastercard"]);
  });
});

describe("what is changed elsewhere", () => {
  test("a method that is attached, renewed by its network, made the default and detached is shown as it is", async () => {
    await addCard(service, wallet.token);
    const customer = await customerOf(service, wallet.userId);
    const { id } = await stripe.paymentMethods.attach("pm_card_mastercard", { customer });
    await wallet.untilBrands(["mastercard", "visa*"]);
    await fetch(`${service.sandbox.url}/sandbox/payment_methods/${id}/update`, {
      method: "POST",
      body: new URLSearchParams({ exp_month: "7", exp_year: "2044" }),
    });
    await eventually(
      async () => (await service.ask(METHODS, {}, wallet.token)).data.paymentMethods[0],
      ({ expMonth, expYear }) => expMonth === 7 && expYear === 2044,
    );
    await stripe.customers.update(customer, { invoice_settings: { default_payment_method: id } });
    await wallet.untilBrands(["mastercard*", "visa"]);
    await stripe.paymentMethods.detach(id);
    await wallet.untilBrands(["visa"]);
    const removed = await eventually(
      () =>
        wallet.rows<{ actor: string }>(
          "select actor from audit_log where user_id = ? and table_name = 'payment_methods' and action = 'removed'",
        ),
      (found) => found.length > 0,
    );
    expect(removed).toEqual([{ actor: "stripe" }]);
  });
});
