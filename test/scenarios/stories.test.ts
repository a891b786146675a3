import { type Learner, newLearner, passTime } from "../support/learner.ts";
import { eventually, startService, type TestService } from "../support/service.ts";
import { stripeOf } from "../support/stripe.ts";

// The long stories of a subscription. The others are told where their subject is: trials, plan-changes, cancelling,
// create-subscription (3-D Secure), billing-portal.
let service: TestService;
let ada: Learner;
beforeAll(async () => {
  service = await startService();
});
beforeEach(async () => {
  ada = await newLearner(service);
});
afterEach(() => settings({ afterRetries: "cancel" }));
afterAll(() => service.stop());

const settings = (what: object) =>
  fetch(`${service.sandbox.url}/sandbox/settings`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(what),
  });
const problem = async () =>
  (await ada.ask("{ subscriptionStatus { paymentProblem { code nextStep failedAt accessEndsAt } } }")).data
    .subscriptionStatus.paymentProblem;
const payWhatIsOwed = async () => stripeOf(service).invoices.pay(String((await ada.remote()).latest_invoice));
const amountsPaid = async () =>
  (await ada.invoices()).filter(({ status }) => status === "paid").map(({ amount_paid }) => amount_paid);

test("she subscribes, renews three times, her card fails, she has a week, and recovers", async () => {
  await ada.subscribe();
  for (const month of [1, 2, 3]) {
    await ada.passPeriod();
    await eventually(amountsPaid, (amounts) => amounts.length === month + 1);
    expect(await eventually(ada.may, Boolean)).toBe(true);
  }
  expect(await amountsPaid()).toEqual([3_900, 3_900, 3_900, 3_900]);

  await ada.swapCard("pm_card_chargeCustomerFail");
  await ada.passPeriod();
  await ada.until(({ status }) => status === "PAST_DUE");
  expect(await ada.may()).toBe(true);
  const { accessEndsAt, nextStep } = await eventually(problem, (found) => found?.failedAt);
  expect(nextStep).toBe("UPDATE_PAYMENT_METHOD");
  const left = (new Date(accessEndsAt).getTime() - service.sandbox.now().getTime()) / 86_400_000;
  await passTime(service, left - 0.01);
  expect(await ada.may()).toBe(true);

  await ada.swapCard("pm_card_visa");
  await payWhatIsOwed();
  await ada.until(({ status }) => status === "ACTIVE");
  await eventually(problem, (found) => found === null);
  await passTime(service, 0.02);
  expect(await ada.may()).toBe(true);
  expect(await amountsPaid()).toHaveLength(5);
});

test("she subscribes, her card fails, the week is over, it stays unpaid, and paying opens the platform again", async () => {
  await settings({ afterRetries: "unpaid" });
  await ada.subscribe();
  await ada.swapCard("pm_card_chargeCustomerFail");
  await ada.passPeriod();
  await ada.until(({ status }) => status === "PAST_DUE");
  const { accessEndsAt } = await eventually(problem, (found) => found?.failedAt);
  const left = (new Date(accessEndsAt).getTime() - service.sandbox.now().getTime()) / 86_400_000;
  await passTime(service, left + 0.001);
  expect(await ada.may()).toBe(false);
  await passTime(service, 12);
  await ada.until(({ status }) => status === "UNPAID");
  expect(await ada.may()).toBe(false);
  const refused = await ada.changePlan("Enterprise");
  expect(refused.errors?.[0]?.extensions.code).toBe("SUBSCRIPTION_NOT_ACTIVE");

  await ada.swapCard("pm_card_visa");
  await payWhatIsOwed();
  await ada.until(({ status }) => status === "ACTIVE");
  expect(await eventually(ada.may, Boolean)).toBe(true);
});
