import { jest } from "@jest/globals";
import type Stripe from "stripe";
import { card, open, submit, textOf } from "./support/forms.ts";
import { premium, type TestSandbox, testSandbox } from "./support/sandbox.ts";

jest.setTimeout(15_000);

let box: TestSandbox;
let monthly: Stripe.Price;
let yearly: Stripe.Price;
let customer: Stripe.Customer;
let subscription: Stripe.Subscription;
beforeEach(async () => {
  box = await testSandbox();
  monthly = await premium(box.stripe);
  const product = String(monthly.product);
  const recurring = { interval: "year" as const };
  yearly = await box.stripe.prices.create({ product, currency: "usd", unit_amount: 39_000, recurring });
  customer = await box.stripe.customers.create({
    email: "ada@example.com",
    payment_method: "pm_card_visa",
    invoice_settings: { default_payment_method: "pm_card_visa" },
  });
  subscription = await box.stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: monthly.id }],
  });
  await box.stripe.billingPortal.configurations.create({
    default_return_url: "http://shop.test/account",
    features: {
      customer_update: { enabled: true, allowed_updates: ["email", "name"] },
      invoice_history: { enabled: true },
      payment_method_update: { enabled: true },
      subscription_cancel: {
        enabled: true,
        cancellation_reason: { enabled: true, options: ["too_expensive", "other"] },
      },
      subscription_update: {
        enabled: true,
        default_allowed_updates: ["price", "promotion_code"],
        products: [{ product, prices: [monthly.id, yearly.id] }],
        proration_behavior: "always_invoice",
      },
    },
  });
});
afterEach(() => box.close());

const visit = async (params: Partial<Stripe.BillingPortal.SessionCreateParams> = {}) => {
  const session = await box.stripe.billingPortal.sessions.create({ customer: customer.id, ...params });
  return open(session.url);
};
const at = async (path: string) => {
  const page = await visit();
  return open(`${page.url}${path}`);
};
const now = () => box.stripe.subscriptions.retrieve(subscription.id);

test("the portal shows what a customer has", async () => {
  const page = await visit();
  expect(page.status).toBe(200);
  for (const text of [
    "Premium",
    "$39.00 per month",
    "Renews on",
    "Visa •••• 4242",
    "ada@example.com",
    "paid",
  ])
    expect(page.text).toContain(text);
  expect(page.text).toContain('href="http://shop.test/account"');
  expect(page.text).not.toMatch(/<script|src=|url\(/);
  const [invoice] = (await box.stripe.invoices.list({ customer: customer.id })).data;
  expect(page.text).toContain(invoice!.hosted_invoice_url);
});

test("a plan is canceled with a reason, and taken up again", async () => {
  const page = await at(`/subscriptions/${subscription.id}/cancel`);
  const canceled = await submit(page, "cancel-plan", { feedback: "too_expensive", comment: "Sorry" });
  expect(textOf(canceled, "done")).toBe("Your subscription has been canceled.");
  expect(canceled.text).toContain("does not renew");
  expect(await now()).toMatchObject({
    cancel_at: subscription.items.data[0]!.current_period_end,
    cancel_at_period_end: false,
    cancellation_details: { feedback: "too_expensive", comment: "Sorry" },
  });
  const resume = `${canceled.url.split("?")[0]}/subscriptions/${subscription.id}/resume`;
  const resumed = await open(resume, { method: "POST" });
  expect(textOf(resumed, "done")).toBe("Your subscription goes on.");
  expect((await now()).cancel_at).toBeNull();
});

test("another plan is chosen, its cost shown, and confirmed", async () => {
  const choices = await at(`/subscriptions/${subscription.id}/update`);
  expect(choices.text).toContain("$390.00 per year");
  const confirm = await submit(choices, "continue", { price: yearly.id });
  expect(textOf(confirm, "due-today")).toBe("$351.00");
  expect((await now()).items.data[0]!.price.id).toBe(monthly.id);
  const updated = await submit(confirm, "confirm");
  expect(textOf(updated, "done")).toBe("Your subscription has been updated.");
  expect((await now()).items.data[0]!.price.id).toBe(yearly.id);
  const [invoice] = (await box.stripe.invoices.list({ customer: customer.id })).data;
  expect(invoice).toMatchObject({ status: "paid", amount_paid: 35_100 });
});

test("a wrong promotion code is told before anything is changed", async () => {
  const choices = await at(`/subscriptions/${subscription.id}/update`);
  const refused = await submit(choices, "continue", { price: yearly.id, code: "NONE" });
  expect(textOf(refused, "error")).toBe("This code is invalid.");
  expect(refused.text).toMatch(new RegExp(`value="${yearly.id}" checked`));
});

test("a change that the card does not pay for is told, and not made", async () => {
  const page = await at("/methods/new");
  await submit(page, "save-method", card("4000000000000341"));
  const choices = await at(`/subscriptions/${subscription.id}/update`);
  const refused = await submit(await submit(choices, "continue", { price: yearly.id }), "confirm");
  expect(refused.status).toBe(402);
  expect(textOf(refused, "error")).toBe("Your card was declined.");
  expect((await now()).items.data[0]!.price.id).toBe(monthly.id);
});

test("a card is added, preferred and removed", async () => {
  const added = await submit(await at("/methods/new"), "save-method", card("5555555555554444"));
  expect(textOf(added, "done")).toContain("Your new payment method is saved");
  expect(added.text).toMatch(/Mastercard •••• 4444 <span class="badge good">default/);
  const preferred = await submit(added, "Make Visa •••• 4242 the default");
  expect(preferred.text).toMatch(/Visa •••• 4242 <span class="badge good">default/);
  const removed = await submit(preferred, "Remove Mastercard •••• 4444");
  expect(removed.text).not.toContain("4444");
});

test("a refused card is told beside its field", async () => {
  const refused = await submit(await at("/methods/new"), "save-method", card("4000000000000002"));
  expect(refused.status).toBe(402);
  expect(refused.text).toMatch(/id="card-number"[^>]*aria-invalid="true"/);
});

test("a card that asks its holder is the default after the answer", async () => {
  const asked = await submit(await at("/methods/new"), "save-method", card("4000002500003155"));
  const failed = await submit(asked, "authenticate-fail");
  expect(textOf(failed, "error")).toContain("not authenticated");
  expect((await box.stripe.customers.listPaymentMethods(customer.id)).data).toHaveLength(1);
  const again = await submit(failed, "save-method", card("4000002500003155"));
  const added = await submit(again, "authenticate-complete");
  expect(textOf(added, "done")).toContain("Your new payment method is saved");
  expect(added.text).toMatch(/Visa •••• 3155 <span class="badge good">default/);
});

test("information is changed as far as the configuration allows", async () => {
  const page = await at("/customer");
  expect(page.text).not.toContain('id="phone"');
  const saved = await submit(page, "save-customer", { name: "Ada Lovelace", email: "new@example.com" });
  expect(textOf(saved, "done")).toBe("Your information has been saved.");
  expect(await box.stripe.customers.retrieve(customer.id)).toMatchObject({
    name: "Ada Lovelace",
    email: "new@example.com",
  });
});

test("a flow begins on its page, and ends at the merchant's", async () => {
  const item = subscription.items.data[0]!.id;
  const page = await visit({
    flow_data: {
      type: "subscription_update_confirm",
      subscription_update_confirm: { subscription: subscription.id, items: [{ id: item, price: yearly.id }] },
      after_completion: { type: "redirect", redirect: { return_url: "http://shop.test/thanks" } },
    },
  });
  expect(textOf(page, "due-today")).toBe("$351.00");
  expect((await submit(page, "confirm")).url).toBe("http://shop.test/thanks");
  const word = await visit({
    flow_data: {
      type: "subscription_cancel",
      subscription_cancel: { subscription: subscription.id },
      after_completion: {
        type: "hosted_confirmation",
        hosted_confirmation: { custom_message: "We are sorry." },
      },
    },
  });
  expect((await submit(word, "cancel-plan")).text).toContain("We are sorry.");
  const method = await visit({ flow_data: { type: "payment_method_update" } });
  expect(method.text).toContain("Add a payment method");
});

test("what the configuration does not offer is neither shown nor done", async () => {
  const { id } = await box.stripe.billingPortal.configurations.create({
    features: { invoice_history: { enabled: false } },
  });
  const page = await visit({ configuration: id });
  for (const text of [
    "Cancel plan",
    "Update plan",
    "Add payment method",
    "Remove",
    "Invoices",
    "Billing information",
  ])
    expect(page.text).not.toContain(text);
  const cancel = await open(`${page.url}/subscriptions/${subscription.id}/cancel`, { method: "POST" });
  expect(cancel.status).toBe(400);
  expect((await now()).cancel_at).toBeNull();
});

test("a link that is unknown, too old or another site's leads nowhere", async () => {
  expect((await open(`${box.url}/p/session/bps_none`)).status).toBe(404);
  const page = await visit();
  expect((await open(`${page.url}/nothing`)).status).toBe(404);
  const cancel = `${page.url}/subscriptions/${subscription.id}/cancel`;
  const foreign = { method: "POST", headers: { origin: "http://evil.test" } };
  expect((await open(cancel, foreign)).status).toBe(403);
  await box.advance({ hours: 2 });
  const late = await open(page.url);
  expect([late.status, late.text]).toEqual([400, expect.stringContaining("has expired")]);
  expect((await now()).cancel_at).toBeNull();
});
