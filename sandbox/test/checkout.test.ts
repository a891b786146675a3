import { jest } from "@jest/globals";
import type Stripe from "stripe";
import { DAY_SECONDS } from "../clock.ts";
import { order, type TestSandbox, testSandbox } from "./support/sandbox.ts";

jest.setTimeout(15_000);

let box: TestSandbox;
beforeEach(async () => {
  box = await testSandbox();
});
afterEach(() => box.close());

const bought = async (session: string) =>
  box.stripe.checkout.sessions.retrieve(session, {
    expand: ["subscription.latest_invoice.payments", "invoice"],
  });

test("a paid session makes an active subscription, a paid invoice, a payment and a charge", async () => {
  const { session, customer, price } = await order(box.stripe, {
    metadata: { of: "the session" },
    subscription_data: { metadata: { user: "u1" } },
  });
  expect(session).toMatchObject({
    status: "open",
    payment_status: "unpaid",
    amount_total: 3900,
    subscription: null,
  });
  expect((await box.complete(session.id, "pm_card_visa")).status).toBe(200);

  const paid = await bought(session.id);
  const subscription = paid.subscription as Stripe.Subscription;
  const invoice = subscription.latest_invoice as Stripe.Invoice;
  expect(paid).toMatchObject({
    status: "complete",
    payment_status: "paid",
    url: null,
    customer: customer.id,
  });
  expect(subscription).toMatchObject({
    status: "active",
    metadata: { user: "u1" },
    billing_mode: { type: "flexible" },
  });
  expect(subscription.items.data[0]).toMatchObject({ price: { id: price.id }, quantity: 1 });
  expect(invoice).toMatchObject({
    status: "paid",
    amount_paid: 3900,
    billing_reason: "subscription_create",
    parent: { subscription_details: { subscription: subscription.id, metadata: { user: "u1" } } },
  });
  expect(invoice.lines.data[0]).toMatchObject({
    amount: 3900,
    pricing: { price_details: { price: price.id } },
  });

  const payment = invoice.payments!.data[0]!;
  const intent = await box.stripe.paymentIntents.retrieve(String(payment.payment.payment_intent), {
    expand: ["latest_charge"],
  });
  expect(payment).toMatchObject({ status: "paid", amount_paid: 3900, is_default: true });
  expect(intent).toMatchObject({
    status: "succeeded",
    amount_received: 3900,
    latest_charge: { paid: true, amount: 3900 },
  });
  const method = await box.stripe.paymentMethods.retrieve(String(subscription.default_payment_method));
  expect(method).toMatchObject({ customer: customer.id, card: { last4: "4242" } });
});

test("the events of a purchase come in Stripe's order", async () => {
  const { session } = await order(box.stripe);
  await box.complete(session.id, "pm_card_visa");
  expect((await box.eventTypes()).slice(3)).toEqual([
    "payment_method.attached",
    "payment_intent.created",
    "charge.succeeded",
    "payment_intent.succeeded",
    "customer.subscription.created",
    "invoice.created",
    "invoice.finalized",
    "invoice.paid",
    "invoice.payment_succeeded",
    "invoice_payment.paid",
    "customer.subscription.updated",
    "customer.updated",
    "checkout.session.completed",
  ]);
  const updated = (await box.events()).find((event) => event.type === "customer.subscription.updated")!;
  expect(updated.data.previous_attributes).toEqual({ status: "incomplete", default_payment_method: null });
});

test("the period ends a calendar month later, and keeps the anchor's day", async () => {
  const { session } = await order(box.stripe);
  await box.complete(session.id, "pm_card_visa");
  const { subscription } = await bought(session.id);
  const item = (subscription as Stripe.Subscription).items.data[0]!;
  const start = new Date(item.current_period_start * 1000);
  const end = new Date(item.current_period_end * 1000);
  expect((end.getUTCMonth() - start.getUTCMonth() + 12) % 12).toBe(1);
});

test("a declined card leaves an incomplete subscription; the same session is then paid with a good card", async () => {
  const { session, customer } = await order(box.stripe);
  const refused = await box.complete(session.id, "pm_card_chargeDeclinedInsufficientFunds");
  expect(refused.status).toBe(402);
  expect(refused.body.error).toMatchObject({
    type: "card_error",
    code: "card_declined",
    decline_code: "insufficient_funds",
  });

  expect(await box.stripe.checkout.sessions.retrieve(session.id)).toMatchObject({
    status: "open",
    subscription: null,
  });
  const [pending] = (await box.stripe.subscriptions.list({ customer: customer.id })).data;
  expect(pending!.status).toBe("incomplete");
  const invoice = await box.stripe.invoices.retrieve(String(pending!.latest_invoice), {
    expand: ["payments", "confirmation_secret"],
  });
  expect(invoice).toMatchObject({ status: "open", attempt_count: 1, amount_remaining: 3900 });
  const intentId = String(invoice.payments!.data[0]!.payment.payment_intent);
  expect(invoice.confirmation_secret!.client_secret).toContain(intentId);
  const intent = await box.stripe.paymentIntents.retrieve(intentId);
  expect(intent).toMatchObject({
    status: "requires_payment_method",
    last_payment_error: { decline_code: "insufficient_funds" },
  });
  expect(await box.eventTypes()).toEqual(
    expect.arrayContaining(["charge.failed", "payment_intent.payment_failed", "invoice.payment_failed"]),
  );

  expect((await box.complete(session.id, "pm_card_visa")).status).toBe(200);
  const paid = await bought(session.id);
  expect(paid.subscription).toMatchObject({
    id: pending!.id,
    status: "active",
    latest_invoice: { id: invoice.id, status: "paid", attempt_count: 1 },
  });
  const charges = await box.stripe.charges.list({ payment_intent: intentId });
  expect(charges.data.map((charge) => charge.status)).toEqual(["succeeded", "failed"]);
});

test("a session is paid once", async () => {
  const { session, customer } = await order(box.stripe);
  await box.complete(session.id, "pm_card_visa");
  expect((await box.complete(session.id, "pm_card_visa")).status).toBe(400);
  expect((await box.stripe.charges.list({ customer: customer.id })).data).toHaveLength(1);
});

test("a 3-D Secure card pays once its holder has answered", async () => {
  const { session } = await order(box.stripe);
  const asked = await box.complete(session.id, "pm_card_authenticationRequired");
  expect(asked).toMatchObject({ status: 402, body: { error: { code: "authentication_required" } } });
  const intent = asked.body.error!.payment_intent!;
  expect(await box.eventTypes()).toEqual(
    expect.arrayContaining(["payment_intent.requires_action", "invoice.payment_action_required"]),
  );

  expect(
    (await box.control(`/payment_intents/${intent.id}/authenticate`, { outcome: "fail" })).body.status,
  ).toBe("requires_payment_method");
  expect((await box.stripe.checkout.sessions.retrieve(session.id)).status).toBe("open");

  await box.complete(session.id, "pm_card_authenticationRequired");
  expect(
    (await box.control(`/payment_intents/${intent.id}/authenticate`, { outcome: "succeed" })).body.status,
  ).toBe("succeeded");
  expect(await bought(session.id)).toMatchObject({ status: "complete", subscription: { status: "active" } });
});

test("a trial starts without a payment, on a paid invoice of nothing", async () => {
  const { session } = await order(box.stripe, { subscription_data: { trial_period_days: 14 } });
  await box.complete(session.id, "pm_card_visa");
  const started = await bought(session.id);
  const subscription = started.subscription as Stripe.Subscription;
  expect(started).toMatchObject({
    status: "complete",
    payment_status: "no_payment_required",
    amount_total: 0,
  });
  expect(subscription).toMatchObject({
    status: "trialing",
    latest_invoice: { status: "paid", amount_paid: 0, payments: { data: [] } },
  });
  expect(subscription.trial_end! - subscription.trial_start!).toBe(14 * DAY_SECONDS);
  expect((await box.stripe.paymentIntents.list()).data).toEqual([]);
});

test("a trial may start without a card when none is asked for", async () => {
  const { session } = await order(box.stripe, {
    payment_method_collection: "if_required",
    subscription_data: {
      trial_period_days: 7,
      trial_settings: { end_behavior: { missing_payment_method: "pause" } },
    },
  });
  expect((await box.complete(session.id, "")).status).toBe(200);
  const { subscription } = await bought(session.id);
  expect(subscription).toMatchObject({
    status: "trialing",
    default_payment_method: null,
    trial_settings: { end_behavior: { missing_payment_method: "pause" } },
  });
});

test("a refused card starts no trial and leaves no customer behind", async () => {
  const { session } = await order(box.stripe, {
    customer: undefined,
    customer_email: "new@example.com",
    subscription_data: { trial_period_days: 7 },
  });
  expect((await box.complete(session.id, "pm_card_chargeDeclined")).status).toBe(402);
  expect((await box.stripe.customers.list({ email: "new@example.com" })).data).toEqual([]);
  expect((await box.complete(session.id, "pm_card_chargeCustomerFail")).status).toBe(200);
});

test("an attempt that waits for 3-D Secure gives way to another card", async () => {
  const { session, customer } = await order(box.stripe);
  expect((await box.complete(session.id, "pm_card_authenticationRequired")).status).toBe(402);
  expect((await box.complete(session.id, "pm_card_visa")).status).toBe(200);
  expect(
    (await box.stripe.paymentIntents.list({ customer: customer.id })).data.map(({ status }) => status),
  ).toEqual(["succeeded"]);
});

test("a session whose first subscription has lapsed makes another", async () => {
  const { session, customer } = await order(box.stripe);
  await box.complete(session.id, "pm_card_chargeDeclined");
  await box.advance({ hours: 23, seconds: 30 * 60 });
  expect((await box.complete(session.id, "pm_card_visa")).status).toBe(200);
  const { data } = await box.stripe.subscriptions.list({ customer: customer.id, status: "all" });
  expect(data.map(({ status }) => status)).toEqual(["active", "incomplete_expired"]);
});

test("without a customer the session makes one of the email", async () => {
  const { session } = await order(box.stripe, { customer: undefined, customer_email: "new@example.com" });
  await box.complete(session.id, "pm_card_mastercard");
  const { customer } = await bought(session.id);
  expect(await box.stripe.customers.retrieve(String(customer))).toMatchObject({
    email: "new@example.com",
    currency: "usd",
  });
});

test("an unpaid session expires after a day, and what an attempt left is taken back", async () => {
  const { session, customer } = await order(box.stripe);
  await box.complete(session.id, "pm_card_chargeDeclined");
  const before = box.sandbox.now().getTime();
  await box.advance({ hours: 24, seconds: 5 });
  expect(box.sandbox.now().getTime() - before).toBeGreaterThanOrEqual(86_405_000);

  expect(await box.stripe.checkout.sessions.retrieve(session.id)).toMatchObject({
    status: "expired",
    url: null,
  });
  const [lapsed] = (await box.stripe.subscriptions.list({ customer: customer.id, status: "all" })).data;
  expect(lapsed!.status).toBe("incomplete_expired");
  expect(await box.stripe.invoices.retrieve(String(lapsed!.latest_invoice))).toMatchObject({
    status: "void",
  });
  const events = await box.events();
  const [subscription, expired] = ["customer.subscription.updated", "checkout.session.expired"].map(
    (type) => events.find((event) => event.type === type)!,
  );
  expect(subscription!.created - lapsed!.created).toBe(23 * 3600);
  expect(expired!.created).toBe(session.expires_at);
  expect((await box.complete(session.id, "pm_card_visa")).status).toBe(400);
});

test("an open session can be expired on demand, a complete one cannot", async () => {
  const { session } = await order(box.stripe);
  expect(await box.stripe.checkout.sessions.expire(session.id)).toMatchObject({ status: "expired" });
  await expect(box.stripe.checkout.sessions.expire(session.id)).rejects.toMatchObject({ statusCode: 400 });
});
