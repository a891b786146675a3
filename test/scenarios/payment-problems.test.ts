import type Stripe from "stripe";
import { type Learner, newLearner, passTime } from "../support/learner.ts";
import { collect, eventually, startService, type TestService } from "../support/service.ts";
import { customerOf, stripeOf } from "../support/stripe.ts";

const DAY_MS = 86_400_000;
const PROBLEM = `{ subscriptionStatus { status grantsAccess paymentProblem {
  code message nextStep amountDue { amount currency } failedAt nextAttemptAt accessEndsAt } } }`;

let service: TestService;
let stripe: Stripe;
let ada: Learner;
beforeAll(async () => {
  service = await startService();
  stripe = stripeOf(service);
});
beforeEach(async () => {
  ada = await newLearner(service);
});
afterAll(() => service.stop());

const shown = async () => (await ada.ask(PROBLEM)).data.subscriptionStatus;
const problem = async () => (await shown()).paymentProblem;
const untilCode = (code: string) => eventually(problem, (found) => found?.code === code);
const owed = async () => stripe.invoices.retrieve(String((await ada.remote()).latest_invoice));
const paymentOf = async (invoice: string) => {
  const { data } = await stripe.invoicePayments.list({ invoice });
  return String(data[0]?.payment.payment_intent);
};
const addCard = async (token: string) =>
  (
    await ada.ask(
      `mutation { addPaymentMethod(input: { stripePaymentMethodId: "${token}", setDefault: true }) { id } }`,
    )
  ).errors;

test("a renewal is declined: why, what to do, what is due, when it is tried again and until when all stays open", async () => {
  await ada.subscribe();
  expect(await problem()).toBeNull();
  await ada.swapCard("pm_card_chargeCustomerFail");
  await ada.passPeriod();
  await untilCode("generic_decline");
  const invoice = await owed();
  const nextAttemptAt = new Date((invoice.next_payment_attempt ?? 0) * 1000).toISOString();
  const found = await eventually(problem, (now) => now.nextAttemptAt === nextAttemptAt);
  const [charge] = (await stripe.charges.list({ customer: await customerOf(service, ada.userId) })).data;
  const failedAt = new Date((charge?.created ?? 0) * 1000);
  expect(found).toEqual({
    code: "generic_decline",
    message: "Your bank declined the payment. Pay with another card, or ask your bank.",
    nextStep: "UPDATE_PAYMENT_METHOD",
    amountDue: { amount: 3_900, currency: "USD" },
    failedAt: failedAt.toISOString(),
    nextAttemptAt,
    accessEndsAt: new Date(failedAt.getTime() + 7 * DAY_MS).toISOString(),
  });

  // the next try fails as well: another attempt, the same end of grace
  await passTime(service, 4);
  const again = await eventually(
    problem,
    (now) => now.failedAt > found.failedAt && now.nextAttemptAt > found.nextAttemptAt,
  );
  expect(again).toMatchObject({ code: "generic_decline", accessEndsAt: found.accessEndsAt });

  // recovery: what shows the subscription as active shows no problem
  const live = collect(
    service.live(ada.token),
    `subscription { subscriptionStatusChanged {
    status paymentProblem { code } } }`,
  );
  await eventually(
    () => live.results,
    (results) => results.length > 0,
  );
  expect(await addCard("pm_card_visa")).toBeUndefined();
  await stripe.invoices.pay((await owed()).id);
  await eventually(
    () => live.results.map(({ data }) => data.subscriptionStatusChanged),
    (states) => states.some(({ status }) => status === "ACTIVE"),
  );
  for (const { data } of live.results) {
    const { status, paymentProblem } = data.subscriptionStatusChanged;
    expect([status, paymentProblem?.code ?? null]).toEqual([
      status,
      status === "ACTIVE" ? null : "generic_decline",
    ]);
  }
  live.stop();
});

test("a renewal needs 3-D Secure, is confirmed, and then lacks funds: each time the learner is told what helps", async () => {
  await ada.subscribe();
  await ada.swapCard("pm_card_authenticationRequiredChargeDeclinedInsufficientFunds");
  await ada.passPeriod();
  const first = await untilCode("authentication_required");
  expect(first).toMatchObject({ nextStep: "AUTHENTICATE", message: expect.stringContaining("confirm") });
  const invoice = await owed();
  const { client_secret } = await stripe.paymentIntents.retrieve(await paymentOf(invoice.id));
  expect(JSON.stringify(first)).not.toContain(client_secret);

  // on the invoice's own page the holder is there: asked, and then refused for another reason
  const method = String((await ada.remote()).default_payment_method);
  await stripe.invoices.pay(invoice.id, { off_session: false, payment_method: method }).catch(() => {});
  await fetch(`${service.sandbox.url}/sandbox/payment_intents/${await paymentOf(invoice.id)}/authenticate`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: '{"outcome":"succeed"}',
  });
  expect(await untilCode("insufficient_funds")).toMatchObject({
    message: "Your card has insufficient funds. Pay with another card, or put money on this one.",
    nextStep: "UPDATE_PAYMENT_METHOD",
    amountDue: { amount: 3_900, currency: "USD" },
  });
  const { data } = await ada.ask("{ payments { nodes { failureCode failureMessage } } }");
  expect(data.payments.nodes[0]).toEqual({
    failureCode: "insufficient_funds",
    failureMessage: "Your card has insufficient funds. Pay with another card, or put money on this one.",
  });
  expect(await addCard("pm_card_mastercard")).toBeUndefined();
  await stripe.invoices.pay(invoice.id);
  await ada.until(({ status }) => status === "ACTIVE");
  expect(await problem()).toBeNull();
});

test("a card that has expired by the day of the renewal", async () => {
  await ada.subscribe();
  const soon = new Date((await ada.remote()).items.data[0]!.current_period_start * 1000);
  const { id } = await stripe.paymentMethods.create({
    type: "card",
    card: { number: "4242424242424242", exp_month: soon.getUTCMonth() + 1, exp_year: soon.getUTCFullYear() },
  } as Stripe.PaymentMethodCreateParams);
  expect(await addCard(id)).toBeUndefined();
  await ada.passPeriod(10);
  expect(await untilCode("expired_card")).toMatchObject({
    message: "Your card has expired. Add a card that is valid.",
    nextStep: "UPDATE_PAYMENT_METHOD",
  });
});

test("when all tries have failed and the subscription is unpaid, access has ended and nothing is tried again", async () => {
  const settings = (body: object) =>
    fetch(`${service.sandbox.url}/sandbox/settings`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  await settings({ afterRetries: "unpaid" });
  try {
    await ada.subscribe();
    await ada.swapCard("pm_card_chargeCustomerFail");
    await ada.passPeriod();
    await untilCode("generic_decline");
    for (let week = 0; week < 3; week++) await passTime(service, 7);
    await ada.until(({ status }) => status === "UNPAID");
    expect(await problem()).toMatchObject({
      ...{ code: "generic_decline", nextStep: "UPDATE_PAYMENT_METHOD" },
      ...{ nextAttemptAt: null, accessEndsAt: null },
    });
    expect(await ada.may()).toBe(false);
  } finally {
    await settings({ afterRetries: "cancel" });
  }
});

test("an amount due is shown to the subscriber and to staff alone", async () => {
  const id = await ada.subscribe();
  await ada.swapCard("pm_card_chargeCustomerFail");
  await ada.passPeriod();
  await untilCode("generic_decline");
  const query = `query ($r: [_Any!]!) { _entities(representations: $r) {
    ... on UserSubscription { paymentProblem { code } } } }`;
  const seen = async (token: string) =>
    (await service.ask(query, { r: [{ __typename: "UserSubscription", id }] }, token)).data._entities;
  const other = await newLearner(service);
  expect(await seen(other.token)).toEqual([null]);
  for (const role of ["admin", "service"])
    expect(await seen(await service.token(`some-${role}`, role))).toEqual([
      { paymentProblem: { code: "generic_decline" } },
    ]);
});
