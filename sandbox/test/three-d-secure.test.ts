import { jest } from "@jest/globals";
import type Stripe from "stripe";
import { pay, RETURN } from "./support/payments.ts";
import { type TestSandbox, testSandbox } from "./support/sandbox.ts";

jest.setTimeout(20_000);

let box: TestSandbox;
let stripe: Stripe;
beforeEach(async () => {
  box = await testSandbox();
  stripe = box.stripe;
});
afterEach(() => box.close());

const get = async (url: string) => {
  const response = await fetch(url, { redirect: "manual" });
  return { status: response.status, headers: response.headers, text: await response.text() };
};
const answer = async (url: string, outcome: string) => {
  const body = new URLSearchParams({ outcome });
  const response = await fetch(url, { method: "POST", body, redirect: "manual" });
  return { status: response.status, location: response.headers.get("location"), text: await response.text() };
};
const challenge = (intent: Stripe.PaymentIntent | Stripe.SetupIntent) =>
  String(intent.next_action!.redirect_to_url!.url);

/** A card that its customer keeps, by a plain attachment. */
async function kept(token: string): Promise<{ customer: string; payment_method: string }> {
  const customer = (await stripe.customers.create()).id;
  const { id } = await stripe.paymentMethods.attach(token, { customer });
  return { customer, payment_method: id };
}

const offSession = ({ customer, payment_method }: { customer: string; payment_method: string }) =>
  pay(stripe, payment_method, { customer, off_session: true });

describe("a payment by a card that asks its holder", () => {
  test("waits for the answer, and is paid by it", async () => {
    const asked = await pay(stripe, "pm_card_authenticationRequired");
    expect(asked).toMatchObject({
      status: "requires_action",
      next_action: { type: "redirect_to_url", redirect_to_url: { return_url: RETURN } },
    });
    const { body } = await box.control(`/payment_intents/${asked.id}/authenticate`, { outcome: "succeed" });
    expect(body).toMatchObject({ status: "succeeded", next_action: null });
    const charge = await stripe.charges.retrieve(String(body.latest_charge));
    expect(charge.payment_method_details!.card!.three_d_secure).toMatchObject({ result: "authenticated" });
    expect(await box.eventTypes()).toEqual([
      "payment_intent.created",
      "payment_intent.requires_action",
      "charge.succeeded",
      "payment_intent.succeeded",
    ]);
  });

  test("goes back for another card when the answer is no", async () => {
    const asked = await pay(stripe, "pm_card_authenticationRequired");
    const { body } = await box.control(`/payment_intents/${asked.id}/authenticate`, { outcome: "fail" });
    expect(body).toMatchObject({
      status: "requires_payment_method",
      last_payment_error: { code: "payment_intent_authentication_failure" },
    });
    expect((await stripe.charges.list()).data).toEqual([]);
    const again = await stripe.paymentIntents.confirm(asked.id, {
      payment_method: "pm_card_visa",
      return_url: RETURN,
    });
    expect(again.status).toBe("succeeded");
  });

  test("may be declined after all", async () => {
    const asked = await pay(stripe, "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds");
    const { body } = await box.control(`/payment_intents/${asked.id}/authenticate`, { outcome: "succeed" });
    expect(body).toMatchObject({
      status: "requires_payment_method",
      last_payment_error: { decline_code: "insufficient_funds" },
    });
  });

  test("is only reserved when it is captured by hand", async () => {
    const asked = await pay(stripe, "pm_card_authenticationRequired", { capture_method: "manual" });
    const { body } = await box.control(`/payment_intents/${asked.id}/authenticate`, { outcome: "succeed" });
    expect(body).toMatchObject({ status: "requires_capture", amount_capturable: 3900 });
  });

  test("is answered once, in words that it knows", async () => {
    const asked = await pay(stripe, "pm_card_authenticationRequired");
    const path = `/payment_intents/${asked.id}/authenticate`;
    expect((await box.control(path, { outcome: "maybe" })).status).toBe(400);
    await box.control(path, { outcome: "succeed" });
    expect(await box.control(path, { outcome: "succeed" })).toMatchObject({
      status: 400,
      body: { error: { code: "payment_intent_unexpected_state" } },
    });
    expect((await box.control("/payment_intents/pi_none/authenticate", { outcome: "fail" })).status).toBe(
      404,
    );
    expect((await stripe.charges.list()).data).toHaveLength(1);
  });
});

describe("when the holder is not there", () => {
  test("a card that always asks is declined with authentication_required", async () => {
    const card = await kept("pm_card_authenticationRequired");
    const refusal: Stripe.errors.StripeError = await offSession(card).then(
      () => Promise.reject(new Error("It was paid.")),
      (error: Stripe.errors.StripeError) => error,
    );
    expect(refusal).toMatchObject({
      type: "StripeCardError",
      statusCode: 402,
      code: "authentication_required",
      decline_code: "authentication_required",
      payment_intent: { status: "requires_payment_method" },
    });
    expect(await box.eventTypes()).toContain("charge.failed");
  });

  test("a card is not asked once it was set up by a setup intent", async () => {
    const customer = (await stripe.customers.create()).id;
    const setup = await stripe.setupIntents.create({
      customer,
      payment_method: "pm_card_authenticationRequiredOnSetup",
      confirm: true,
      return_url: RETURN,
    });
    expect(setup.status).toBe("requires_action");
    const { body } = await box.control(`/setup_intents/${setup.id}/authenticate`, { outcome: "succeed" });
    expect(body).toMatchObject({ status: "succeeded" });
    const card = { customer, payment_method: String(body.payment_method) };
    expect((await offSession(card)).status).toBe("succeeded");
    // With its holder there, it asks as before.
    expect((await pay(stripe, card.payment_method, { customer })).status).toBe("requires_action");
  });

  test("a card is not asked once a payment set it up", async () => {
    const customer = (await stripe.customers.create()).id;
    const first = await pay(stripe, "pm_card_authenticationRequiredOnSetup", {
      customer,
      setup_future_usage: "off_session",
    });
    await box.control(`/payment_intents/${first.id}/authenticate`, { outcome: "succeed" });
    const paid = await stripe.paymentIntents.retrieve(first.id);
    expect((await offSession({ customer, payment_method: String(paid.payment_method) })).status).toBe(
      "succeeded",
    );
  });

  test("a card that was only attached is asked, and so declined", async () => {
    const card = await kept("pm_card_authenticationRequiredOnSetup");
    await expect(offSession(card)).rejects.toMatchObject({ code: "authentication_required" });
  });

  test("a card that counts as set up pays, but asks a holder who is there", async () => {
    const card = await kept("pm_card_authenticationRequiredSetupForOffSession");
    expect((await offSession(card)).status).toBe("succeeded");
    expect((await pay(stripe, card.payment_method, { customer: card.customer })).status).toBe(
      "requires_action",
    );
  });

  test("they cannot agree to later payments", async () => {
    const card = await kept("pm_card_visa");
    await expect(
      pay(stripe, card.payment_method, { ...card, off_session: true, setup_future_usage: "off_session" }),
    ).rejects.toMatchObject({ param: "setup_future_usage" });
  });
});

describe("the bank's page", () => {
  test("asks for the payment, and leads back with the intent's id and secret", async () => {
    const asked = await pay(stripe, "pm_card_authenticationRequired", { return_url: `${RETURN}?order=7` });
    const page = await get(challenge(asked));
    expect(page.status).toBe(200);
    expect(page.text).toContain("$39.00");
    expect(page.text).toContain('id="authenticate-complete"');
    expect(page.text).not.toMatch(/<script|src=/);
    expect(page.headers.get("content-security-policy")).toContain("form-action 'self' https://shop.test");
    const { status, location } = await answer(challenge(asked), "succeed");
    expect(status).toBe(303);
    const back = new URL(location!);
    expect(`${back.origin}${back.pathname}`).toBe(RETURN);
    expect(Object.fromEntries(back.searchParams)).toEqual({
      order: "7",
      payment_intent: asked.id,
      payment_intent_client_secret: asked.client_secret,
      redirect_status: "succeeded",
    });
    expect((await stripe.paymentIntents.retrieve(asked.id)).status).toBe("succeeded");
    expect((await get(challenge(asked))).status).toBe(404);
  });

  test("says that it failed", async () => {
    const asked = await pay(stripe, "pm_card_authenticationRequired");
    const { location } = await answer(challenge(asked), "fail");
    expect(new URL(location!).searchParams.get("redirect_status")).toBe("failed");
  });

  test("asks for a setup, too", async () => {
    const setup = await stripe.setupIntents.create({
      payment_method: "pm_card_authenticationRequired",
      confirm: true,
      return_url: RETURN,
    });
    expect((await get(challenge(setup))).text).toContain("kept for later payments");
    const { location } = await answer(challenge(setup), "succeed");
    expect(Object.fromEntries(new URL(location!).searchParams)).toEqual({
      setup_intent: setup.id,
      setup_intent_client_secret: setup.client_secret,
      redirect_status: "succeeded",
    });
  });

  test("stays where it is when there is no way back", async () => {
    const asked = await pay(stripe, "pm_card_authenticationRequired", {
      return_url: undefined as never,
      automatic_payment_methods: { enabled: true, allow_redirects: "never" },
    });
    const { status, text } = await answer(challenge(asked), "succeed");
    expect(status).toBe(200);
    expect(text).toContain("Authentication complete");
  });
});
