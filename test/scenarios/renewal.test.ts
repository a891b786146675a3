import type Stripe from "stripe";
import { COURSE_ACCESS, STATUS, subscribe } from "../support/checkout.ts";
import { passTime } from "../support/learner.ts";
import { eventually, newUser, startService, type TestService } from "../support/service.ts";
import { customerOf, stripeOf } from "../support/stripe.ts";

const DAY = 86_400;
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

const remote = async () =>
  (await stripe.subscriptions.list({ customer: await customerOf(service, userId), status: "all" })).data[0]!;
const access = async () => (await service.ask(COURSE_ACCESS, {}, token)).data.accessTo;
const untilStatus = (status: string) =>
  eventually(
    () => service.ask(STATUS, {}, token),
    ({ data }) => data.subscriptionStatus.status === status,
  );
const untilExpiry = (expiresAt: Date) =>
  eventually(access, (seen) => seen.expiresAt === expiresAt.toISOString());
const MARGIN = 2 * DAY;
const instant = (seconds: number) => new Date(seconds * 1000);

async function swapCard(token: string): Promise<void> {
  const customer = await customerOf(service, userId);
  const method = await stripe.paymentMethods.attach(token, { customer });
  await stripe.subscriptions.update((await remote()).id, { default_payment_method: method.id });
}

test("each renewal that is paid moves access to the end of its period, and the margin", async () => {
  await subscribe(service, token);
  const first = (await remote()).items.data[0]!.current_period_end;
  await untilExpiry(instant(first + MARGIN));
  await passTime(service, 32);
  const second = (await remote()).items.data[0]!.current_period_end;
  expect(second).toBeGreaterThan(first);
  await untilExpiry(instant(second + MARGIN));
  const { data } = await eventually(
    () => service.ask("{ payments { nodes { status amount { amount } } } }", {}, token),
    (answer) => answer.data.payments.nodes.length > 1,
  );
  expect(data.payments.nodes).toEqual([
    { status: "SUCCEEDED", amount: { amount: 3_900 } },
    { status: "SUCCEEDED", amount: { amount: 3_900 } },
  ]);
});

test("a renewal that is declined leaves a week of grace from the first failure, which retries do not move; paying restores", async () => {
  await subscribe(service, token);
  await swapCard("pm_card_chargeCustomerFail");
  const end = (await remote()).items.data[0]!.current_period_end;
  await passTime(service, (end - service.sandbox.now().getTime() / 1000) / DAY + 0.1);
  await untilStatus("PAST_DUE");
  const [charge] = (await stripe.charges.list({ customer: await customerOf(service, userId), limit: 1 }))
    .data;
  expect(charge).toMatchObject({ status: "failed" });
  const graceEnds = instant(charge!.created + 7 * DAY);
  await untilExpiry(graceEnds);

  await passTime(service, 4);
  const failed = (await stripe.charges.list({ customer: await customerOf(service, userId) })).data;
  expect(failed.filter(({ status }) => status === "failed").length).toBeGreaterThan(1);
  await untilExpiry(graceEnds);
  expect((await access()).granted).toBe(true);
  await passTime(service, 3);
  expect((await access()).granted).toBe(false);

  const owed = String((await remote()).latest_invoice);
  await swapCard("pm_card_visa");
  await stripe.invoices.pay(owed);
  await untilStatus("ACTIVE");
  const paidThrough = (await remote()).items.data[0]!.current_period_end;
  await untilExpiry(instant(paidThrough + MARGIN));
  expect((await access()).granted).toBe(true);
});

test("what was written off long ago does not take the grace of today", async () => {
  await subscribe(service, token);
  await swapCard("pm_card_chargeCustomerFail");
  const end = (await remote()).items.data[0]!.current_period_end;
  await passTime(service, (end - service.sandbox.now().getTime() / 1000) / DAY + 0.1);
  await untilStatus("PAST_DUE");
  await stripe.invoices.markUncollectible(String((await remote()).latest_invoice));
  await swapCard("pm_card_visa");
  const next = (await remote()).items.data[0]!.current_period_end;
  await passTime(service, (next - service.sandbox.now().getTime() / 1000) / DAY + 0.1);
  const again = (await remote()).items.data[0]!.current_period_end;
  await untilExpiry(instant(again + MARGIN));

  await swapCard("pm_card_chargeCustomerFail");
  await passTime(service, (again - service.sandbox.now().getTime() / 1000) / DAY + 0.1);
  await untilStatus("PAST_DUE");
  const [charge] = (await stripe.charges.list({ customer: await customerOf(service, userId), limit: 1 }))
    .data;
  await untilExpiry(instant(charge!.created + 7 * DAY));
});
