import { openCheckout, planId } from "../support/checkout.ts";
import { type Learner, newLearner, passTime } from "../support/learner.ts";
import { eventually, newUser, startService, type TestService } from "../support/service.ts";
import { stripeOf } from "../support/stripe.ts";

let service: TestService;
beforeAll(async () => {
  service = await startService();
  await rows(`update subscription_plans set trial_days = 14 where name in ('Premium', 'Enterprise')`);
});
beforeEach(() => rows(`update subscription_plans set trial_end_behavior = 'CANCEL'`));
afterAll(() => service.stop());

const rows = <T>(sql: string, params: unknown[] = []) =>
  service.app.parts.orm.em.fork().execute<T[]>(sql, params);
const CREATE = `mutation ($input: CreateSubscriptionInput!) {
  createSubscription(input: $input) { subscription { id status trialEndsAt grantsAccess } }
}`;
const ADD = `mutation ($card: String!) {
  addPaymentMethod(input: { stripePaymentMethodId: $card, setDefault: true }) { id }
}`;
const create = async (learner: Learner, plan = "Premium") =>
  learner.ask(CREATE, { input: { planId: await planId(service, plan) } });
const ended = (learner: Learner) =>
  learner.ask("{ subscriptionStatus { status endReason endedAt grantsAccess } }");
const sentEvents = async (learner: Learner, type: string) =>
  rows<{ data: Record<string, unknown> }>("select data from outbox where user_id = ? and type = ?", [
    learner.userId,
    type,
  ]);
/** Cards are the same by their fingerprint: each story pays with its own. */
const cards = [
  "pm_card_visa",
  "pm_card_mastercard",
  "pm_card_amex",
  "pm_card_discover",
  "pm_card_jcb",
  "pm_card_diners",
  "pm_card_mastercard_debit",
  "pm_card_mastercard_prepaid",
];
const nextCard = () => cards.shift() as string;

test("a trial opens the platform, is told of three days before its end, and then is paid for", async () => {
  const ada = await newLearner(service);
  await ada.ask(ADD, { card: nextCard() });
  const { data } = await create(ada);
  expect(data.createSubscription.subscription).toMatchObject({ status: "TRIALING", grantsAccess: true });
  expect((await ada.invoices()).map(({ amount_paid }) => amount_paid)).toEqual([0]);
  expect(await sentEvents(ada, "subscription.trial_ending")).toEqual([]);
  await passTime(service, 11.1);
  const [told] = await eventually(
    () => sentEvents(ada, "subscription.trial_ending"),
    (events) => events.length > 0,
  );
  expect(told!.data).toMatchObject({ hasPaymentMethod: true, willEnd: false });
  await passTime(service, 3);
  await ada.until(({ status }) => status === "ACTIVE");
  await eventually(ada.invoices, ([invoice]) => invoice!.amount_paid === 3_900);
  expect(await sentEvents(ada, "subscription.trial_ending")).toHaveLength(1);
  expect(await ada.may()).toBe(true);
});

test("without a card at its end it ends, or waits for one, as the plan says", async () => {
  const ada = await newLearner(service);
  const bob = await newLearner(service);
  expect((await create(ada)).data.createSubscription.subscription.status).toBe("TRIALING");
  await rows(`update subscription_plans set trial_end_behavior = 'PAUSE' where name = 'Enterprise'`);
  expect((await create(bob, "Enterprise")).data.createSubscription.subscription.status).toBe("TRIALING");
  await passTime(service, 14.1);
  await ada.until(({ status }) => status === "CANCELED");
  expect(await ada.may()).toBe(false);
  await bob.until(({ status }) => status === "PAUSED");
  expect(await bob.may()).toBe(false);
  await bob.ask(ADD, { card: nextCard() });
  const { data, errors } = await bob.resume();
  expect(errors).toBeUndefined();
  expect(data.resumeSubscription.status).toBe("ACTIVE");
  expect(await bob.may()).toBe(true);
});

test("whoever has had one pays from the first day, and is told so before, whatever the plan", async () => {
  const ada = await newLearner(service);
  await ada.ask(ADD, { card: nextCard() });
  const trialDays = async () =>
    (await ada.ask("{ plans { name viewerTrialDays } }")).data.plans.find(
      ({ name }: { name: string }) => name === "Enterprise",
    ).viewerTrialDays;
  expect(await trialDays()).toBe(14);
  await create(ada);
  await ada.cancel({ atPeriodEnd: false });
  expect(await trialDays()).toBe(0);
  const { data } = await create(ada, "Enterprise");
  expect(data.createSubscription.subscription.status).toBe("ACTIVE");
  expect((await ada.invoices())[0]!.amount_paid).toBe(9_900);
});

test("somebody else with the same mailbox pays from the first day, at a page as well", async () => {
  const ada = await newLearner(service);
  await create(ada);
  const twin = newUser();
  const { signToken } = await import("../../src/auth/token.ts");
  const [name] = ada.userId.split("@");
  const token = await signToken(service.config.jwt, {
    sub: twin,
    email: `${name!.toUpperCase()}+again@example.com`,
  });
  const { data } = await openCheckout(service, token);
  const session = await stripeOf(service).checkout.sessions.retrieve(data.createCheckoutSession.id);
  expect(session.amount_total).toBe(3_900);
});

test("whoever comes second with a card at a page is cancelled at once, charged nothing, and told why", async () => {
  const card = nextCard();
  const ada = await newLearner(service);
  await ada.ask(ADD, { card });
  await create(ada);
  const bob = await newLearner(service);
  const { data } = await openCheckout(service, bob.token, { planId: await planId(service) });
  await service.pay(data.createCheckoutSession.id, card);
  const seen = await eventually(
    () => ended(bob),
    (answer) => answer.data?.subscriptionStatus?.status === "CANCELED",
  );
  expect(seen.data.subscriptionStatus).toMatchObject({
    endReason: "TRIAL_ALREADY_USED",
    grantsAccess: false,
  });
  expect(await bob.may()).toBe(false);
  expect((await bob.invoices()).map(({ amount_paid }) => amount_paid)).toEqual([0]);
  expect(await ada.subscription()).toMatchObject({ status: "TRIALING" });
  // the plan is still his to buy: without a trial, as he is told before
  expect((await bob.ask("{ plans { name viewerTrialDays } }")).data.plans).toContainEqual({
    name: "Premium",
    viewerTrialDays: 0,
  });
  await bob.ask(ADD, { card });
  expect((await create(bob)).data.createSubscription.subscription.status).toBe("ACTIVE");
});

test("with a stored card that has had a trial it is refused with a reason of its own, and then sold without", async () => {
  const card = nextCard();
  const ada = await newLearner(service);
  await ada.ask(ADD, { card });
  await create(ada);
  const bob = await newLearner(service);
  await bob.ask(ADD, { card });
  const { data, errors } = await create(bob);
  expect(data).toBeNull();
  expect(errors?.[0]?.extensions.code).toBe("TRIAL_ALREADY_USED");
  expect((await bob.remote()).status).toBe("canceled");
  expect((await bob.invoices()).map(({ amount_paid }) => amount_paid)).toEqual([0]);
  expect((await create(bob)).data.createSubscription.subscription.status).toBe("ACTIVE");
});

test("a trial that runs is not taken away by a card that is added later, nor given again for it", async () => {
  const [own, spouses] = [nextCard(), "pm_card_visa_debit"];
  const spouse = await newLearner(service);
  await spouse.ask(ADD, { card: spouses });
  await create(spouse);
  const ada = await newLearner(service);
  await ada.ask(ADD, { card: own });
  await create(ada);
  await ada.ask(ADD, { card: spouses });
  const { sync } = service.app.parts;
  await sync.subscription((await ada.remote()).id);
  expect((await ada.remote()).status).toBe("trialing");
  expect(await ada.subscription()).toMatchObject({ status: "TRIALING" });
  await ada.cancel({ atPeriodEnd: false });
  expect((await create(ada)).data.createSubscription.subscription.status).toBe("ACTIVE");
});

test("of two who begin with one card at the same moment one has the trial", async () => {
  const both = [await newLearner(service), await newLearner(service)];
  const pages = await Promise.all(
    both.map(async ({ token }) => (await openCheckout(service, token)).data.createCheckoutSession.id),
  );
  await Promise.all(pages.map((page) => service.pay(page, "pm_card_unionpay")));
  const statuses = await eventually(
    async () =>
      Promise.all(both.map(async (learner) => (await ended(learner)).data.subscriptionStatus?.status)),
    (seen) => seen.includes("CANCELED") && seen.includes("TRIALING"),
  );
  expect(statuses.sort()).toEqual(["CANCELED", "TRIALING"]);
});

test("free days that somebody gives a subscriber at Stripe are never refused", async () => {
  const card = nextCard();
  const ada = await newLearner(service);
  await ada.ask(ADD, { card });
  await create(ada);
  const bob = await newLearner(service);
  await bob.ask(ADD, { card });
  const annual = await create(bob, "Premium Annual");
  expect(annual.data.createSubscription.subscription.status).toBe("ACTIVE");
  await passTime(service, 1);
  await stripeOf(service).subscriptions.update((await bob.remote()).id, {
    trial_end: Math.floor(service.sandbox.now().getTime() / 1_000) + 5 * 86_400,
    proration_behavior: "none",
  });
  await bob.until(({ status }) => status === "TRIALING");
  expect(await bob.may()).toBe(true);
});

test("a trial that was never begun claims nothing", async () => {
  const ada = await newLearner(service);
  const { data } = await openCheckout(service, ada.token);
  await stripeOf(service).checkout.sessions.expire(data.createCheckoutSession.id);
  const again = await openCheckout(service, ada.token);
  const session = await stripeOf(service).checkout.sessions.retrieve(again.data.createCheckoutSession.id);
  expect(session.amount_total).toBe(0);
  expect(await rows("select 1 from trial_claims where user_id = ?", [ada.userId])).toEqual([]);
});

test("no e-mail address and no fingerprint is kept", async () => {
  const claims = await rows<{ kind: string; hmac: string }>("select kind, hmac from trial_claims");
  expect(new Set(claims.map(({ kind }) => kind))).toEqual(new Set(["user", "email", "card"]));
  for (const { hmac } of claims) expect(hmac).toMatch(/^[\w-]{43}$/);
});
