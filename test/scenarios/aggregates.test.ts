import type Stripe from "stripe";
import { setupDatabase } from "../../src/database.ts";
import {
  CONFIRM,
  COURSE_ACCESS,
  CREATE_CHECKOUT,
  checkoutInput,
  openCheckout,
  planId,
  STATUS,
  subscribe,
} from "../support/checkout.ts";
import { eventually, newUser, startService, type TestService } from "../support/service.ts";
import { atSandbox, customerOf, stripeOf } from "../support/stripe.ts";

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
afterAll(() => service.stop());

const rows = <T extends object>(sql: string, params: unknown[] = []) =>
  service.app.parts.orm.em.fork().execute<T[]>(sql, params);

describe("products and prices", () => {
  const onSale = async () =>
    (await service.ask("{ plans { name } }")).data.plans.map(({ name }: { name: string }) => name);
  const untilOnSale = (names: string[]) => eventually(onSale, (seen) => String(seen) === String(names));
  const ALL = ["Free", "Premium Annual", "Premium", "Enterprise"];
  const premium = async () =>
    (
      await rows<{ stripe_price_id: string; id: string }>(
        "select id, stripe_price_id from subscription_plans where name = 'Premium'",
      )
    )[0]!;

  test("a price that is archived at Stripe is not sold here until it is restored; subscribers keep their plan", async () => {
    await subscribe(service, token);
    const { stripe_price_id: price, id } = await premium();
    await stripe.prices.update(price, { active: false });
    await untilOnSale(ALL.filter((name) => name !== "Premium"));
    const stranger = await service.token(newUser());
    const input = { ...(await checkoutInput(service, "Enterprise")), planId: id };
    const refused = await service.ask(CREATE_CHECKOUT, { input }, stranger);
    expect(refused.errors?.[0]?.extensions.code).toBe("PLAN_INACTIVE");
    const { data } = await service.ask("{ subscriptionStatus { plan { name isActive } } }", {}, token);
    expect(data.subscriptionStatus.plan).toEqual({ name: "Premium", isActive: false });
    await stripe.prices.update(price, { active: true });
    await untilOnSale(ALL);
    expect((await openCheckout(service, stranger)).data.createCheckoutSession).toBeTruthy();
  });

  test("an archived product takes its prices along, and another price written to the row is on sale at once", async () => {
    const { stripe_price_id: price } = await premium();
    const { product } = await stripe.prices.retrieve(price);
    await stripe.products.update(String(product), { active: false });
    await untilOnSale(ALL.filter((name) => name !== "Premium"));
    const other = await stripe.prices.create({
      ...{ product: "cmh_enterprise_monthly", currency: "usd", unit_amount: 3_900 },
      recurring: { interval: "month" },
    });
    const write = (id: string) =>
      rows("update subscription_plans set stripe_price_id = ? where name = 'Premium'", [id]);
    await write(other.id);
    expect(await onSale()).toEqual(ALL);
    await write(price);
    await stripe.products.update(String(product), { active: true });
    await untilOnSale(ALL);
  });

  test("a price that Stripe does not know (any more) is not sold", async () => {
    const { stripe_price_id: price } = await premium();
    const write = (id: string) =>
      rows("update subscription_plans set stripe_price_id = ? where name = 'Premium'", [id]);
    await write("price_deleted");
    expect(await service.app.parts.sync.price("price_deleted")).toBe("applied");
    expect(await onSale()).not.toContain("Premium");
    await write(price);
    expect(await onSale()).toEqual(ALL);
  });

  test("a product renamed at Stripe renames what was sold elsewhere, never the plans that seeds and setup know by name", async () => {
    const { stripe_price_id: price } = await premium();
    const { product: ours } = await stripe.prices.retrieve(price);
    const product = await stripe.products.create({ name: "Partner offer" });
    const sold = await stripe.prices.create({
      ...{ product: product.id, currency: "usd", unit_amount: 1_900, recurring: { interval: "month" } },
    });
    await openCheckout(service, token);
    const customer = await customerOf(service, userId);
    const method = await stripe.paymentMethods.attach("pm_card_visa", { customer });
    await stripe.subscriptions.create({
      ...{ customer, items: [{ price: sold.id }], default_payment_method: method.id },
    });
    await eventually(
      () => service.ask(STATUS, {}, token),
      ({ data }) => data.subscriptionStatus?.grantsAccess,
    );
    await stripe.products.update(String(ours), { name: "Premium of tomorrow" });
    await stripe.products.update(product.id, { name: "Partner offer 2027" });
    await eventually(
      () => service.ask(STATUS, {}, token),
      ({ data }) => data.subscriptionStatus.plan.name === "Partner offer 2027",
    );
    const [endpoint] = await eventually(
      () =>
        rows<{ status: string }>(
          "select status from stripe_events where type = 'product.updated' and object_id = ?",
          [String(ours)],
        ),
      (events) => events.length > 0 && events.every(({ status }) => status !== "pending"),
    );
    expect(endpoint?.status).toBe("done");
    await setupDatabase(service.config.database.url);
    expect(await onSale()).toEqual(ALL);
  });

  test("products and prices of another application are none of ours", async () => {
    const before = await rows("select id from subscription_plans");
    const product = await stripe.products.create({ name: "Somebody else's" });
    const price = await stripe.prices.create({ product: product.id, currency: "usd", unit_amount: 100 });
    await stripe.prices.update(price.id, { nickname: "still theirs" });
    await stripe.products.update(product.id, { name: "theirs" });
    const events = await eventually(
      () =>
        rows<{ status: string }>("select status from stripe_events where object_id in (?, ?)", [
          product.id,
          price.id,
        ]),
      (found) => found.length === 2 && found.every(({ status }) => status !== "pending"),
    );
    expect(events.map(({ status }) => status)).toEqual(["ignored", "ignored"]);
    expect(await rows("select id from subscription_plans")).toEqual(before);
  });
});

describe("payment methods", () => {
  const methods = async () =>
    rows<{ stripe_payment_method_id: string; last4: string; exp_year: number; is_default: boolean }>(
      `select stripe_payment_method_id, last4, exp_year, is_default from payment_methods
       where user_id = ? order by stripe_created_at, stripe_payment_method_id`,
      [userId],
    );

  test("are rows when attached, follow the network's updates and the default, and are gone when detached", async () => {
    await openCheckout(service, token);
    const customer = await customerOf(service, userId);
    const visa = await stripe.paymentMethods.attach("pm_card_visa", { customer });
    const master = await stripe.paymentMethods.attach("pm_card_mastercard", { customer });
    const defaults = async () =>
      Object.fromEntries((await methods()).map((row) => [row.stripe_payment_method_id, row.is_default]));
    await eventually(defaults, (seen) => seen[visa.id] === false && seen[master.id] === false);
    for (const method of [visa.id, master.id]) {
      await stripe.customers.update(customer, { invoice_settings: { default_payment_method: method } });
      await eventually(
        defaults,
        (seen) => seen[method] === true && Object.values(seen).filter(Boolean).length === 1,
      );
    }
    await atSandbox(service, `payment_methods/${visa.id}/update`, { exp_year: 2044, last4: "1234" });
    await eventually(methods, (seen) => seen.some((row) => row.exp_year === 2044 && row.last4 === "1234"));
    await stripe.paymentMethods.detach(visa.id);
    const left = await eventually(methods, (seen) => seen.length === 1);
    expect(left[0]).toMatchObject({ stripe_payment_method_id: master.id, is_default: true });
    await stripe.paymentMethods.detach(master.id);
    await eventually(methods, (seen) => seen.length === 0);
  });

  test("of a second customer with the user's id do not take the first one's away; what it pays for is the user's", async () => {
    await openCheckout(service, token);
    const first = await customerOf(service, userId);
    const method = await stripe.paymentMethods.attach("pm_card_visa", { customer: first });
    await eventually(methods, (seen) => seen.length === 1);
    const second = await stripe.customers.create({ metadata: { cmh_user_id: userId } });
    const other = await stripe.paymentMethods.attach("pm_card_mastercard", { customer: second.id });
    expect(await service.app.parts.sync.customer(second.id)).toBe("applied");
    expect((await methods()).map((row) => row.stripe_payment_method_id)).toEqual([method.id]);
    expect(await customerOf(service, userId)).toBe(first);
    const price = (await stripe.prices.list({ lookup_keys: ["premium_monthly"] })).data[0]!.id;
    await stripe.subscriptions.create({
      ...{ customer: second.id, items: [{ price }], default_payment_method: other.id },
    });
    await eventually(
      () => service.ask(COURSE_ACCESS, {}, token),
      ({ data }) => data.accessTo.granted,
    );
  });
});

describe("a page that is paid by bank debit", () => {
  const settle = async (outcome: "succeed" | "fail") => {
    const customer = await customerOf(service, userId);
    const debit = (await stripe.paymentIntents.list({ customer })).data.find(
      ({ status }) => status === "processing",
    );
    await atSandbox(service, `payment_intents/${debit?.id}/settle`, { outcome });
  };
  const payByDebit = async () => {
    const { data } = await openCheckout(service, token, { planId: await planId(service) });
    const id: string = data.createCheckoutSession.id;
    await service.pay(id, "pm_usBankAccount_processing");
    await eventually(
      () =>
        rows<{ status: string; payment_status: string }>(
          "select status, payment_status from checkout_sessions where id = ?",
          [id],
        ),
      ([row]) => row?.status === "complete" && row.payment_status === "unpaid",
    );
    await eventually(
      () => rows<{ status: string }>("select status from payments where user_id = ?", [userId]),
      ([row]) => row?.status === "PROCESSING",
    );
    expect((await service.ask(COURSE_ACCESS, {}, token)).data.accessTo.granted).toBe(false);
    const { data: confirmed } = await service.ask(CONFIRM, { id }, token);
    expect(confirmed.confirmCheckout).toEqual({ isPaid: false, subscription: null });
    return id;
  };

  test("opens nothing before the money is there, and everything once it is", async () => {
    const id = await payByDebit();
    await settle("succeed");
    await eventually(
      () => service.ask(COURSE_ACCESS, {}, token),
      ({ data }) => data.accessTo.granted,
    );
    const { data } = await service.ask(CONFIRM, { id }, token);
    expect(data.confirmCheckout).toMatchObject({ isPaid: true, subscription: { status: "ACTIVE" } });
  });

  test("opens nothing when the bank refuses, and leaves the user free to try again", async () => {
    await payByDebit();
    await settle("fail");
    await eventually(
      () => rows<{ status: string }>("select status from payments where user_id = ?", [userId]),
      ([row]) => row?.status !== "PROCESSING",
    );
    expect((await service.ask(COURSE_ACCESS, {}, token)).data.accessTo.granted).toBe(false);
  });

  test("is followed to its money by the session alone, whatever else is lost", async () => {
    const id = await payByDebit();
    const [endpoint] = (await stripe.webhookEndpoints.list()).data;
    await stripe.webhookEndpoints.update(String(endpoint?.id), { disabled: true });
    try {
      await settle("succeed");
      await service.app.parts.sync.checkoutSession(id);
      expect((await service.ask(COURSE_ACCESS, {}, token)).data.accessTo.granted).toBe(true);
      expect(await rows("select status from payments where user_id = ?", [userId])).toEqual([
        { status: "SUCCEEDED" },
      ]);
    } finally {
      await stripe.webhookEndpoints.update(String(endpoint?.id), { disabled: false });
    }
  });
});
