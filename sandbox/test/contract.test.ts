import type Stripe from "stripe";
import { routes } from "../resources/index.ts";
import { judge, SKIPPED } from "./support/judge.ts";
import { order, type TestSandbox, testSandbox } from "./support/sandbox.ts";

if (!judge) process.stdout.write(`${SKIPPED}\n`);
const suite = judge ? describe : describe.skip;

/** Calls every operation once or more, so that each kind of answer and event comes by. */
async function tour(box: TestSandbox): Promise<void> {
  const { stripe } = box;
  await stripe.accounts.retrieveCurrent();
  const endpoint = await stripe.webhookEndpoints.create({
    url: "http://127.0.0.1:9/none",
    enabled_events: ["invoice.paid"],
    api_version: "2026-10-28.endive",
    description: "tour",
  });
  await stripe.webhookEndpoints.update(endpoint.id, { metadata: { a: "b" }, enabled_events: ["*"] });
  await stripe.webhookEndpoints.retrieve(endpoint.id);
  await stripe.webhookEndpoints.list();
  await stripe.webhookEndpoints.del(endpoint.id);
  await catalogue(stripe);
  await customers(stripe);
  await portal(stripe);

  const { session, customer } = await order(stripe, {
    client_reference_id: "u1",
    locale: "de",
    allow_promotion_codes: true,
    metadata: { intent: "1" },
    subscription_data: { metadata: { user: "u1" }, description: "Access" },
  });
  await stripe.checkout.sessions.update(session.id, { metadata: { more: "yes" } });
  await box.complete(session.id, "pm_card_chargeDeclined");
  await box.complete(session.id, "pm_card_visa");
  await stripe.checkout.sessions.list({
    customer: customer.id,
    expand: ["data.line_items", "data.subscription"],
  });
  await stripe.checkout.sessions.listLineItems(session.id);
  const paid = await stripe.checkout.sessions.retrieve(session.id, {
    expand: ["line_items", "customer", "invoice.payments", "subscription.latest_invoice"],
  });
  await reads(stripe, paid);
  await stripe.subscriptions.update((paid.subscription as Stripe.Subscription).id, {
    cancel_at_period_end: true,
  });
  await stripe.subscriptions.cancel((paid.subscription as Stripe.Subscription).id);
  const open = await order(stripe);
  await stripe.checkout.sessions.expire(open.session.id);
  await stripe.customers.del(customer.id);
  await stripe.customers.retrieve(customer.id);
  await stripe.customers.retrieve("cus_unknown").catch(() => {});
  const [event] = (await stripe.events.list({ limit: 1 })).data;
  await stripe.events.retrieve(event!.id);
}

async function catalogue(stripe: Stripe): Promise<void> {
  const product = await stripe.products.create({
    name: "Team",
    description: "For many",
    images: ["https://example.com/a.png"],
    default_price_data: { currency: "eur", unit_amount: 1000, recurring: { interval: "year" } },
    expand: ["default_price"],
  });
  await stripe.products.update(product.id, { name: "Teams", metadata: { plan: "team" }, active: true });
  await stripe.products.retrieve(product.id, { expand: ["default_price.product"] });
  await stripe.products.list({ active: true });
  const price = await stripe.prices.create({
    product_data: { name: "Cents" },
    currency: "usd",
    unit_amount_decimal: "0.5" as unknown as Stripe.Decimal,
    lookup_key: "cents",
  });
  await stripe.prices.update(price.id, { nickname: "half", active: false });
  await stripe.prices.retrieve(price.id, { expand: ["product"] });
  await stripe.prices.list({ lookup_keys: ["cents"], expand: ["data.product"] });
  const bare = await stripe.products.create({ name: "Bare" });
  await stripe.products.del(bare.id);
}

async function customers(stripe: Stripe): Promise<void> {
  const customer = await stripe.customers.create({
    email: "full@example.com",
    name: "Full",
    phone: "+1",
    address: { city: "Bern", country: "CH" },
    shipping: { name: "Full", address: { city: "Bern" } },
    payment_method: "pm_card_visa",
    invoice_settings: { default_payment_method: "pm_card_visa" },
    metadata: { a: "1" },
  });
  await stripe.customers.update(customer.id, { name: "", metadata: { a: null, b: "2" } });
  await stripe.customers.list({ email: "full@example.com", expand: ["data.subscriptions"] });
  await stripe.customers.listPaymentMethods(customer.id, { type: "card" });
  const method = await stripe.paymentMethods.create({
    type: "card",
    card: { token: "tok_mastercard" },
    billing_details: { name: "Full", address: { country: "CH" } },
  });
  await stripe.paymentMethods.attach(method.id, { customer: customer.id });
  await stripe.paymentMethods.update(method.id, {
    card: { exp_month: 3, exp_year: 2031 },
    metadata: { b: "c" },
  });
  await stripe.paymentMethods.retrieve(method.id, { expand: ["customer"] });
  await stripe.paymentMethods.list({ customer: customer.id });
  await stripe.paymentMethods.detach(method.id);
  await stripe.paymentMethods.attach("pm_card_chargeDeclined", { customer: customer.id }).catch(() => {});
}

async function portal(stripe: Stripe): Promise<void> {
  const configuration = await stripe.billingPortal.configurations.create({
    business_profile: { headline: "Ours" },
    features: {
      customer_update: { enabled: true, allowed_updates: ["email"] },
      invoice_history: { enabled: true },
      payment_method_update: { enabled: true },
      subscription_cancel: {
        enabled: true,
        mode: "at_period_end",
        cancellation_reason: { enabled: true, options: ["other"] },
      },
      subscription_update: { enabled: false, default_allowed_updates: "", products: "" },
    },
    metadata: { by: "setup" },
  });
  await stripe.billingPortal.configurations.update(configuration.id, {
    active: false,
    login_page: { enabled: true },
  });
  await stripe.billingPortal.configurations.retrieve(configuration.id);
  await stripe.billingPortal.configurations.list({ is_default: true });
}

async function reads(stripe: Stripe, session: Stripe.Checkout.Session): Promise<void> {
  const { id } = session.subscription as Stripe.Subscription;
  const invoice = (session.invoice as Stripe.Invoice).id;
  const customer = (session.customer as Stripe.Customer).id;
  await stripe.subscriptions.retrieve(id, { expand: ["default_payment_method", "items.data.price.product"] });
  await stripe.subscriptions.list({ customer, status: "all", expand: ["data.customer"] });
  await stripe.invoices.retrieve(invoice, {
    expand: [
      "confirmation_secret",
      "payments.data.payment.payment_intent",
      "parent.subscription_details.subscription",
    ],
  });
  await stripe.invoices.list({ subscription: id, status: "paid" });
  await stripe.invoices.listLineItems(invoice);
  const [payment] = (await stripe.invoicePayments.list({ invoice })).data;
  await stripe.invoicePayments.retrieve(payment!.id, { expand: ["invoice"] });
  const intent = String(payment!.payment.payment_intent);
  await stripe.invoicePayments.list({ payment: { type: "payment_intent", payment_intent: intent } });
  await stripe.paymentIntents.retrieve(intent, { expand: ["latest_charge", "payment_method", "customer"] });
  await stripe.paymentIntents.list({ customer });
  const [charge] = (await stripe.charges.list({ payment_intent: intent })).data;
  await stripe.charges.retrieve(charge!.id, { expand: ["refunds", "payment_intent"] });
}

/** Every way to spoil one level of a value that its description must notice. */
function spoiled(value: object): [what: string, spoiled: object][] {
  return [
    ["an unknown field", { ...value, invented: 1 }],
    ["a missing field", Object.fromEntries(Object.entries(value).filter(([name]) => name !== "id"))],
    ["another type", { ...value, created: "yesterday" }],
    ["another object", { ...value, object: "chargee" }],
  ];
}

suite("Stripe's own description of its API", () => {
  let box: TestSandbox;
  beforeAll(async () => {
    box = await testSandbox();
    await tour(box);
  });
  afterAll(() => box.close());

  test("every answer and every event of the tour is as it says, at level strict", async () => {
    expect(await box.faults()).toEqual([]);
  });

  test("every request of the tour is as it says", () => {
    const faults = box.exchanges.flatMap(({ method, path, params }) =>
      judge!.request(method, path, params).map((fault) => `${method} ${path}: ${fault}`),
    );
    expect(faults).toEqual([]);
  });

  test("the tour visits every operation of the sandbox", () => {
    const missed = routes.filter(({ method, path }) => {
      const pattern = new RegExp(`^${path.replace(/:\w+/g, "[^/]+")}$`);
      return !box.exchanges.some((exchange) => exchange.method === method && pattern.test(exchange.path));
    });
    expect(missed.map(({ method, path }) => `${method} ${path}`)).toEqual([]);
  });

  test("spoiled answers are caught", () => {
    const good = box.exchanges.filter(
      ({ status, answer }) => status === 200 && "created" in (answer as object),
    );
    expect(good.length).toBeGreaterThan(20);
    for (const { method, path, answer } of good) {
      for (const [what, value] of spoiled(answer as object)) {
        expect([what, path, judge!.response(method, path, 200, value).length > 0]).toEqual([
          what,
          path,
          true,
        ]);
      }
    }
  });

  test("spoiled events are caught", async () => {
    for (const event of await box.events()) {
      const { object } = event.data;
      expect(judge!.event(event)).toEqual([]);
      expect(judge!.event({ ...event, data: { object: { ...object, invented: 1 } } })).not.toEqual([]);
      expect(judge!.event({ ...event, type: "invoice.imagined" })).not.toEqual([]);
    }
  });

  test("spoiled errors are caught", () => {
    const error = box.exchanges.find(({ status }) => status === 404)!;
    expect(judge!.response(error.method, error.path, 404, { message: "none" })).not.toEqual([]);
  });
});
