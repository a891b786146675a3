import { jest } from "@jest/globals";
import fc from "fast-check";
import type Stripe from "stripe";
import { DAY_SECONDS } from "../clock.ts";
import { type TestSandbox, testSandbox } from "./support/sandbox.ts";
import { payer, priceOf, TestClock, useCard } from "./support/subscribing.ts";

jest.setTimeout(120_000);

let box: TestSandbox;
let stripe: Stripe;
let prices: Stripe.Price[];
beforeAll(async () => {
  box = await testSandbox();
  stripe = box.stripe;
  prices = [
    await priceOf(box, 1000),
    await priceOf(box, 2499),
    await priceOf(box, 0),
    await priceOf(box, 9999, { recurring: { interval: "year" } }),
    await priceOf(box, 333, { recurring: { interval: "week" } }),
  ];
});
afterAll(() => box.close());

const price = fc.nat(4);
const quantity = fc.integer({ min: 1, max: 5 });
const proration = fc.constantFrom("always_invoice" as const, "create_prorations" as const, "none" as const);
const behavior = fc.constantFrom(
  "allow_incomplete" as const,
  "default_incomplete" as const,
  "error_if_incomplete" as const,
  "pending_if_incomplete" as const,
);
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("wait" as const), hours: fc.constantFrom(1, 23, 80, 300, 330) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("change" as const), price, quantity, proration, behavior }),
  },
  fc.record({ do: fc.constant("add" as const), price, quantity, proration }),
  fc.record({ do: fc.constant("anchor" as const), proration }),
  fc.record({
    do: fc.constant("card" as const),
    card: fc.constantFrom("pm_card_visa", "pm_card_chargeCustomerFail"),
  }),
  fc.record({ do: fc.constant("pay" as const) }),
  fc.record({ do: fc.constant("trial" as const), days: fc.constantFrom(0, 2, 20) }),
  fc.record({
    do: fc.constant("pause" as const),
    invoicing: fc.constantFrom("invoice" as const, "pending_invoice_item" as const),
  }),
  fc.record({
    do: fc.constant("resume" as const),
    anchor: fc.constantFrom("now" as const, "unchanged" as const),
    payment: fc.constantFrom("resume_on_payment_attempt" as const, "resume_on_payment_success" as const),
  }),
  fc.record({ do: fc.constant("end" as const), days: fc.constantFrom(3, 40), proration }),
  fc.record({ do: fc.constant("goOn" as const) }),
  fc.record({
    do: fc.constant("collect" as const),
    as: fc.constantFrom("void" as const, "keep_as_draft" as const, null),
  }),
  fc.record({ do: fc.constant("cancel" as const), prorate: fc.boolean(), invoice_now: fc.boolean() }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

interface Scene {
  clock: TestClock;
  customer: string;
  subscription: string;
}

/** Does a step; what Stripe refuses is refused, and that is fine. */
async function perform(scene: Scene, one: Step): Promise<void> {
  const { id, items, latest_invoice } = await stripe.subscriptions.retrieve(scene.subscription);
  const update = (params: Stripe.SubscriptionUpdateParams) =>
    stripe.subscriptions.update(id, params).catch(refused);
  const { frozen_time: now } = await stripe.testHelpers.testClocks.retrieve(scene.clock.id);
  if (one.do === "wait") await scene.clock.to(now + one.hours * 3600, 13);
  if (one.do === "card") await useCard(box, scene.customer, one.card);
  if (one.do === "pay") await stripe.invoices.pay(String(latest_invoice)).catch(refused);
  if (one.do === "cancel") {
    await stripe.subscriptions
      .cancel(id, { prorate: one.prorate, invoice_now: one.invoice_now })
      .catch(refused);
  }
  if (one.do === "pause")
    await stripe.subscriptions.pause(id, { invoicing_behavior: one.invoicing }).catch(refused);
  if (one.do === "resume") {
    const billing_cycle_anchor = { type: one.anchor };
    await stripe.subscriptions
      .resume(id, { billing_cycle_anchor, payment_behavior: one.payment })
      .catch(refused);
  }
  if (one.do === "change" || one.do === "add") {
    const wanted = { price: prices[one.price]!.id, quantity: one.quantity };
    await update({
      items: [one.do === "change" ? { id: items.data[0]!.id, ...wanted } : wanted],
      proration_behavior: one.proration,
      ...("behavior" in one && { payment_behavior: one.behavior }),
    });
  }
  if (one.do === "anchor")
    await update({ billing_cycle_anchor: { type: "now" }, proration_behavior: one.proration });
  if (one.do === "trial") await update({ trial_end: one.days === 0 ? "now" : now + one.days * DAY_SECONDS });
  if (one.do === "end")
    await update({ cancel_at: now + one.days * DAY_SECONDS, proration_behavior: one.proration });
  if (one.do === "goOn") await update({ cancel_at: "" });
  if (one.do === "collect") await update({ pause_collection: one.as === null ? "" : { behavior: one.as } });
}

function refused(error: Stripe.errors.StripeError): void {
  expect([400, 402, 404]).toContain(error.statusCode);
}

const sum = <T>(rows: T[], of: (row: T) => number) => rows.reduce((total, row) => total + of(row), 0);

/** What must be true whatever has been done. */
async function check({ customer, subscription }: Scene): Promise<void> {
  const invoices = (await stripe.invoices.list({ customer, limit: 100, expand: ["data.payments"] })).data;
  const charges = (await stripe.charges.list({ customer, limit: 100 })).data.filter(({ paid }) => paid);
  expect(sum(charges, ({ amount }) => amount)).toBe(sum(invoices, ({ amount_paid }) => amount_paid));
  for (const invoice of invoices) {
    expect(invoice.total).toBe(sum(invoice.lines.data, ({ amount }) => amount));
    expect(invoice.payments!.data.filter(({ status }) => status === "paid").length).toBeLessThanOrEqual(1);
    if (invoice.status === "paid") expect(invoice.amount_remaining).toBe(0);
  }
  const { balance } = await stripe.customers.retrieve(customer).then((one) => one as Stripe.Customer);
  // Whatever was invoiced and not taken back is paid, open, or on the customer's balance.
  const settled = invoices.filter(({ status }) => status === "paid" || status === "open");
  expect(sum(settled, ({ total, amount_due }) => total - amount_due)).toBe(balance);
  const after = await stripe.subscriptions.retrieve(subscription);
  if (after.status === "canceled") expect(after.ended_at).not.toBeNull();
  for (const item of after.items.data) {
    expect(item.current_period_start).toBeLessThanOrEqual(item.current_period_end);
  }
}

test("whatever is done to a subscription, nothing is paid twice and every cent is accounted for", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        mode: fc.constantFrom("classic" as const, "flexible" as const),
        price,
        quantity,
        trial: fc.boolean(),
      }),
      fc.array(step, { minLength: 4, maxLength: 14 }),
      async (first, steps) => {
        const clock = await TestClock.start(box, "2026-01-31T10:00:00Z");
        const customer = await payer(box, "pm_card_visa", { test_clock: clock.id });
        const { id } = await stripe.subscriptions.create({
          customer: customer.id,
          items: [{ price: prices[first.price]!.id, quantity: first.quantity }],
          billing_mode: { type: first.mode },
          ...(first.trial && { trial_period_days: 12 }),
        });
        const scene = { clock, customer: customer.id, subscription: id };
        for (const one of steps) await perform(scene, one);
        await check(scene);
        await clock.to(Date.parse("2027-06-01T00:00:00Z") / 1000, 13);
        await check(scene);
        await stripe.testHelpers.testClocks.del(clock.id);
      },
    ),
    { numRuns: 20 },
  );
});
