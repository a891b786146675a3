import type Stripe from "stripe";
import { DAY_SECONDS } from "../clock.ts";
import { order, type TestSandbox, testSandbox } from "./support/sandbox.ts";

const START = Date.UTC(2026, 0, 31, 12) / 1000;
let box: TestSandbox;

beforeEach(async () => {
  box = await testSandbox();
});
afterEach(() => box.close());

const ready = async (id: string): Promise<Stripe.TestHelpers.TestClock> => {
  for (;;) {
    const clock = await box.stripe.testHelpers.testClocks.retrieve(id);
    if (clock.status !== "advancing") return clock;
  }
};

async function subscribed(clock: Stripe.TestHelpers.TestClock) {
  const customer = await box.stripe.customers.create({ test_clock: clock.id, email: "ada@example.com" });
  const { session } = await order(box.stripe, { customer: customer.id });
  const { body } = await box.complete(session.id, "pm_card_visa");
  return box.stripe.subscriptions.retrieve(String(body.subscription));
}

test("what lives on a test clock happens in its time, and due work when the clock passes it", async () => {
  const clock = await box.stripe.testHelpers.testClocks.create({ frozen_time: START, name: "story" });
  expect(clock).toMatchObject({ status: "ready", frozen_time: START });
  const subscription = await subscribed(clock);
  expect(subscription).toMatchObject({ created: START, test_clock: clock.id, status: "active" });
  const end = subscription.items.data[0]!.current_period_end;
  expect(new Date(end * 1000).toISOString()).toBe("2026-02-28T12:00:00.000Z");
  await box.stripe.subscriptions.update(subscription.id, { cancel_at_period_end: true });

  const sent = await box.stripe.testHelpers.testClocks.advance(clock.id, {
    frozen_time: START + 30 * DAY_SECONDS,
  });
  expect(sent.status).toBe("advancing");
  expect(await ready(clock.id)).toMatchObject({ status: "ready", frozen_time: START + 30 * DAY_SECONDS });
  const ended = await box.stripe.subscriptions.retrieve(subscription.id);
  expect(ended).toMatchObject({ status: "canceled", ended_at: end });
  const told = (await box.events()).find(({ type }) => type === "customer.subscription.deleted");
  expect(told).toMatchObject({ created: end });
});

test("a method from elsewhere is attached to a clock's customer in the clock's time", async () => {
  const clock = await box.stripe.testHelpers.testClocks.create({ frozen_time: START });
  const customer = await box.stripe.customers.create({ test_clock: clock.id });
  const method = await box.stripe.paymentMethods.create({ type: "card", card: { token: "tok_visa" } });
  await box.stripe.paymentMethods.attach(method.id, { customer: customer.id });
  const told = (await box.events()).find(({ type }) => type === "payment_method.attached");
  expect(told).toMatchObject({ created: START });
});

test("the sandbox's own path moves a clock and answers when it has arrived", async () => {
  const clock = await box.stripe.testHelpers.testClocks.create({ frozen_time: START });
  const { body } = await box.control("/advance", { clock: clock.id, hours: 2 });
  expect(body).toMatchObject({ id: clock.id, status: "ready", frozen_time: START + 7200 });
});

test("a clock goes forward only, not too far, and takes its customers with it", async () => {
  const { testClocks } = box.stripe.testHelpers;
  const clock = await testClocks.create({ frozen_time: START });
  const subscription = await subscribed(clock);
  await expect(testClocks.advance(clock.id, { frozen_time: START })).rejects.toMatchObject({
    param: "frozen_time",
  });
  await expect(testClocks.advance(clock.id, { frozen_time: START + 63 * DAY_SECONDS })).rejects.toMatchObject(
    {
      param: "frozen_time",
    },
  );
  for (const _ of [2, 3]) await box.stripe.customers.create({ test_clock: clock.id });
  await expect(box.stripe.customers.create({ test_clock: clock.id })).rejects.toMatchObject({
    param: "test_clock",
  });
  expect((await box.stripe.customers.list({ test_clock: clock.id })).data).toHaveLength(3);
  expect(await testClocks.del(clock.id)).toMatchObject({ deleted: true });
  expect((await box.stripe.subscriptions.retrieve(subscription.id)).status).toBe("canceled");
  expect(await box.stripe.customers.retrieve(String(subscription.customer))).toMatchObject({ deleted: true });
});
