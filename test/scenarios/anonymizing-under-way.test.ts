import { randomUUID } from "node:crypto";
import { armCrashPoints, type CrashPoint } from "../../src/crash-points.ts";
import {
  adminOf,
  anonymize,
  askedFor,
  carryOn,
  codeOf,
  tracesIn,
  untilLeasesEnd,
  untilQuiet,
} from "../support/anonymizing.ts";
import { newBuyer, newCourse, putOnSale } from "../support/buyer.ts";
import { planId, subscribe } from "../support/checkout.ts";
import { newLearner } from "../support/learner.ts";
import { addCard } from "../support/methods.ts";
import { eventually, newUser, startService, type TestService } from "../support/service.ts";
import { customerOf, stripeOf } from "../support/stripe.ts";

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterEach(() => armCrashPoints());
afterAll(() => service.stop());

const execute = <T extends object>(sql: string, params: unknown[] = []) =>
  service.app.parts.orm.em.fork().execute<T[]>(sql, params);

test("from the moment it is asked for nothing begins any more, and what Stripe says is still followed", async () => {
  const ada = await newLearner(service);
  const id = await ada.subscribe();
  const card = (await addCard(service, ada.token)).data.addPaymentMethod.id;
  const course = newCourse();
  await putOnSale(service, course, { amount: 0 });
  const enterprise = await planId(service, "Enterprise");
  const FORM = 'mutation { createSetupIntent(idempotencyKey: "form") { clientSecret } }';
  expect((await ada.ask(FORM)).errors).toBeUndefined();
  await untilQuiet(service);
  await askedFor(service, ada.userId);
  const calls: [string, object?][] = [
    [
      "mutation ($input: ChangePlanInput!) { changePlan(input: $input) { clientSecret } }",
      { input: { subscriptionId: id, planId: enterprise } },
    ],
    ["mutation ($id: ID!) { resumeSubscription(id: $id) { id } }", { id }],
    ['mutation { createBillingPortalSession(returnUrl: "https://learn.example.com/") { url } }'],
    ['mutation { redeemPromotion(input: { code: "ANY" }) { id } }'],
    ["mutation ($id: ID!) { setDefaultPaymentMethod(id: $id) { id } }", { id: card }],
    ["mutation { createSetupIntent { clientSecret } }"],
    // nor is an answer given again, or a page's payment looked for
    [FORM],
    ['mutation { confirmCheckout(sessionId: "cs_of_theirs") { isPaid } }'],
  ];
  for (const [call, variables] of calls)
    expect([call, codeOf(await ada.ask(call, variables))]).toEqual([call, "USER_ANONYMIZED"]);
  const GRANT = "mutation ($input: GrantAccessInput!) { grantAccess(input: $input) { id } }";
  const gift = { userId: ada.userId, scope: "COURSE", resourceId: "gift", reason: "a present" };
  expect(codeOf(await service.ask(GRANT, { input: gift }, await adminOf(service)))).toBe("USER_ANONYMIZED");

  await stripeOf(service).subscriptions.update((await ada.remote()).id, { cancel_at_period_end: true });
  await ada.until(({ cancelAtPeriodEnd }) => cancelAtPeriodEnd);
  expect((await anonymize(service, ada.userId)).data.anonymizeUser.finishedAt).toEqual(expect.any(String));
});

test("meanwhile staff still give back and end what is left", async () => {
  const ada = await newBuyer(service);
  const course = newCourse();
  await putOnSale(service, course);
  const { id } = (await ada.pay(course)).data.createPurchase.purchase;
  const paid = await ada.until(id, "COMPLETED");
  await subscribe(service, ada.token);
  const subscription = (await ada.ask("{ subscriptionStatus { id } }")).data.subscriptionStatus;
  const admin = await adminOf(service);
  const GRANT = "mutation ($input: GrantAccessInput!) { grantAccess(input: $input) { id } }";
  const gift = { userId: ada.userId, scope: "COURSE", resourceId: "gift", reason: "a present" };
  const given = (await service.ask(GRANT, { input: gift }, admin)).data.grantAccess;
  await untilQuiet(service);
  await askedFor(service, ada.userId);

  const CANCEL =
    "mutation ($input: CancelSubscriptionInput!) { cancelSubscription(input: $input) { status } }";
  const cancel = (atPeriodEnd: boolean, token: string) =>
    service.ask(CANCEL, { input: { id: subscription.id, atPeriodEnd } }, token);
  // what does not end it now is no help, and the user is past asking
  expect(codeOf(await cancel(true, admin))).toBe("USER_ANONYMIZED");
  expect(codeOf(await cancel(false, ada.token))).toBe("USER_ANONYMIZED");
  expect((await cancel(false, admin)).data).toEqual({ cancelSubscription: { status: "CANCELED" } });
  const REFUND = "mutation ($id: ID!) { refundPayment(input: { paymentId: $id }) { status } }";
  expect((await service.ask(REFUND, { id: paid.payment.id }, admin)).data).toEqual({
    refundPayment: { status: "REFUNDED" },
  });
  const REVOKE = "mutation ($id: ID!) { revokeAccess(id: $id) { isActive } }";
  expect((await service.ask(REVOKE, given, admin)).data).toEqual({ revokeAccess: { isActive: false } });
  expect((await anonymize(service, ada.userId)).errors).toBeUndefined();
});

test("meanwhile an order that nobody has paid in time is given up, as everybody's", async () => {
  const ada = await newBuyer(service);
  const course = newCourse();
  await putOnSale(service, course);
  const { checkoutUrl, purchase: ordered } = (await ada.page(course)).data.createPurchase;
  await untilQuiet(service);
  await askedFor(service, ada.userId);
  await execute("update purchases set pay_before = now() - interval '1 day' where id = ?", [ordered.id]);
  await eventually(
    async () => {
      await service.app.parts.deadlines.run(true);
      return ada.purchase(ordered.id);
    },
    ({ status }) => status === "EXPIRED",
  );
  const page = await stripeOf(service).checkout.sessions.list({ limit: 100 });
  expect(page.data.find(({ url }) => url === checkoutUrl)).toBeUndefined();
});

test("what was ordered and never asked of Stripe is not charged any more", async () => {
  const ada = await newBuyer(service);
  const course = newCourse();
  await putOnSale(service, course);
  const card = await ada.card();
  const customer = await customerOf(service, ada.userId);
  await untilQuiet(service);
  let left = 1;
  armCrashPoints((at) => {
    if (at === "intent-leased" && left-- === 1) throw new Error("cut off");
  });
  await ada.pay(course, card);
  armCrashPoints();
  await untilLeasesEnd(service);
  expect((await anonymize(service, ada.userId)).errors).toBeUndefined();
  expect((await stripeOf(service).invoices.list({ customer })).data).toEqual([]);
  const [order] = await execute<{ status: string }>(
    "select status from purchases where user_id = (select user_id from customers where stripe_customer_id = ?)",
    [customer],
  );
  expect(order?.status).toBe("FAILED");
});

test("two admins who ask at once come to one end", async () => {
  const ada = await newBuyer(service);
  await subscribe(service, ada.token);
  await ada.card();
  const other = await service.token(newUser(), "admin");
  const answers = await Promise.all([
    anonymize(service, ada.userId),
    anonymize(service, ada.userId, { token: other }),
  ]);
  expect(answers.map(({ errors }) => errors)).toEqual([undefined, undefined]);
  expect(answers[0]?.data).toEqual(answers[1]?.data);
});

test.each<[CrashPoint, number]>([
  ["intent-opened", 1],
  ["intent-posted", 1],
  ["intent-followed", 1],
  ["rows-committed", 1],
  ["intent-posted", 3],
  ["intent-posted", 4],
])("cut off at %s for the %sth time, a second call comes to the same end", async (point, time) => {
  const ada = await newBuyer(service);
  await subscribe(service, ada.token);
  await ada.card();
  const customer = await customerOf(service, ada.userId);
  await untilQuiet(service);
  let left = time;
  armCrashPoints((at) => {
    if (at === point && left-- === 1) throw new Error("cut off");
  });
  await anonymize(service, ada.userId, { key: randomUUID() });
  armCrashPoints();
  await untilLeasesEnd(service);
  const { data } = await eventually(
    () => anonymize(service, ada.userId, { key: randomUUID() }),
    (answer) => !answer.errors,
  );
  expect(data.anonymizeUser.finishedAt).not.toBeNull();
  expect(JSON.stringify(await stripeOf(service).customers.retrieve(customer))).not.toContain(ada.userId);
  expect((await stripeOf(service).subscriptions.list({ customer })).data).toEqual([]);
  expect(await tracesIn(service, [`${ada.userId}@example.com`])).toEqual([]);
});

test("one that was cut off is carried on without anybody asking again", async () => {
  const ada = await newBuyer(service);
  await subscribe(service, ada.token);
  await untilQuiet(service);
  armCrashPoints((at) => {
    if (at === "intent-posted") throw new Error("cut off");
  });
  await anonymize(service, ada.userId);
  armCrashPoints();
  await untilLeasesEnd(service);
  // the call has a minute of its own first
  const isDone = () =>
    execute<{ done: boolean }>(
      "select finished_at is not null as done from anonymized_users where user_id = ?",
      [ada.userId],
    );
  await carryOn(service);
  expect(await isDone()).toEqual([{ done: false }]);
  await eventually(
    async () => {
      await execute("update anonymized_users set next_try_at = now()");
      await carryOn(service);
      return isDone();
    },
    ([row]) => row?.done === true,
  );
});

test("while Redis is away it is refused for now, and goes on when it is back", async () => {
  const someone = newUser();
  await service.redis.kill();
  const refused = await anonymize(service, someone);
  await service.redis.restart();
  expect(refused.errors?.[0]?.extensions).toMatchObject({ code: "SERVICE_UNAVAILABLE", retryable: true });
  const { data } = await eventually(
    () => anonymize(service, someone),
    (answer) => !answer.errors,
  );
  expect(data.anonymizeUser.finishedAt).toEqual(expect.any(String));
});

// the last: this service begins nothing after it
test("a process that is to stop carries on no more than the one it has begun", async () => {
  const both = [newUser(), newUser()];
  for (const userId of both) await askedFor(service, userId);
  // before whoever else waits
  const first = "update anonymized_users set next_try_at = now() - interval '1 day' where user_id in (?, ?)";
  await execute(first, both);
  service.app.parts.cursors.stop();
  await carryOn(service);
  const left = "select tries from anonymized_users where finished_at is null and user_id in (?, ?)";
  expect(await execute(left, both)).toEqual([{ tries: 0 }]);
});
