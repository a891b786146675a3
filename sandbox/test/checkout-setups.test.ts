import { jest } from "@jest/globals";
import type Stripe from "stripe";
import { setup } from "./support/checkout.ts";
import { type TestSandbox, testSandbox } from "./support/sandbox.ts";

jest.setTimeout(15_000);

let box: TestSandbox;
beforeEach(async () => {
  box = await testSandbox();
});
afterEach(() => box.close());

const retrieve = (id: string, expand: string[] = []) => box.stripe.checkout.sessions.retrieve(id, { expand });
const newEvents = async (known: number) => (await box.eventTypes()).slice(known);

describe("a setup", () => {
  test("keeps a card for later payments, and charges nothing", async () => {
    const customer = await box.stripe.customers.create({ email: "ada@example.com" });
    const session = await setup(box, {
      customer: customer.id,
      setup_intent_data: { metadata: { for: "renewals" }, description: "Card on file" },
    });
    expect(session).toMatchObject({
      amount_total: null,
      payment_status: "no_payment_required",
      setup_intent: expect.stringMatching(/^seti_/),
    });
    const known = (await box.eventTypes()).length;
    await box.complete(session.id, "pm_card_visa");
    expect(await retrieve(session.id, ["setup_intent"])).toMatchObject({
      status: "complete",
      payment_status: "no_payment_required",
      setup_intent: {
        status: "succeeded",
        customer: customer.id,
        metadata: { for: "renewals" },
        description: "Card on file",
      },
    });
    expect((await box.stripe.customers.listPaymentMethods(customer.id)).data).toHaveLength(1);
    expect(await newEvents(known)).toEqual([
      "payment_method.attached",
      "setup_intent.succeeded",
      "checkout.session.completed",
    ]);
  });

  test("makes a customer only when it is told to", async () => {
    const without = await setup(box);
    await box.complete(without.id, "pm_card_visa", { email: "guest@example.com" });
    expect((await retrieve(without.id)).customer).toBeNull();
    const told = await setup(box, { customer_creation: "always", customer_email: "new@example.com" });
    await box.complete(told.id, "pm_card_visa");
    const { customer, setup_intent } = await retrieve(told.id, ["customer", "setup_intent"]);
    expect(customer).toMatchObject({ email: "new@example.com" });
    expect((setup_intent as Stripe.SetupIntent).customer).toBe((customer as Stripe.Customer).id);
  });

  test("of a refused card leaves the session open, and another card completes it", async () => {
    const session = await setup(box);
    expect(await box.complete(session.id, "pm_card_chargeDeclined")).toMatchObject({
      status: 402,
      body: { error: { code: "card_declined", setup_intent: { id: session.setup_intent } } },
    });
    expect((await retrieve(session.id)).status).toBe("open");
    expect((await box.complete(session.id, "pm_card_visa")).status).toBe(200);
  });

  test("is complete once the card's holder has answered", async () => {
    const session = await setup(box);
    const asked = await box.complete(session.id, "pm_card_authenticationRequiredOnSetup");
    expect(asked).toMatchObject({ status: 402, body: { error: { code: "authentication_required" } } });
    await box.control(`/setup_intents/${session.setup_intent}/authenticate`, { outcome: "succeed" });
    expect((await retrieve(session.id)).status).toBe("complete");
  });

  test("is over with its session, and only with that", async () => {
    const session = await setup(box);
    const id = String(session.setup_intent);
    await expect(box.stripe.setupIntents.cancel(id)).rejects.toMatchObject({ statusCode: 400 });
    await box.stripe.checkout.sessions.expire(session.id);
    expect((await box.stripe.setupIntents.retrieve(id)).status).toBe("canceled");
  });
});
