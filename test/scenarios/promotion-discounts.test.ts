import { openCheckout, planId } from "../support/checkout.ts";
import { type Learner, newLearner, passTime } from "../support/learner.ts";
import { createPromotion, discountCode, newCode, shownPromotion } from "../support/promotions.ts";
import { eventually, startReplica, startService, type TestService } from "../support/service.ts";
import { setFaults, stripeOf } from "../support/stripe.ts";

let service: TestService;
let admin: string;
let ada: Learner;
let premium: string;
beforeAll(async () => {
  service = await startService();
  admin = await service.token("chief", "admin");
  premium = await planId(service);
});
beforeEach(async () => {
  ada = await newLearner(service);
});
afterAll(() => service.stop());

const END = "mutation ($id: ID!) { deactivatePromotion(id: $id) { deactivatedAt } }";
const SUBSCRIBE = `mutation ($input: CreateSubscriptionInput!) {
  createSubscription(input: $input) { subscription { status } }
}`;
const ADD = `mutation ($card: String!) {
  addPaymentMethod(input: { stripePaymentMethodId: $card, setDefault: true }) { id }
}`;
const HALF = { percentOff: 50 };
const create = (input: object) => createPromotion(service, input);
const promotion = (discount: object = HALF, more: object = {}) => discountCode(service, discount, more);
const checkout = (code: string, more: object = {}, { token }: Learner = ada, at = service) =>
  openCheckout({ ...service, ask: at.ask } as TestService, token, { promotionCode: code, ...more });
const subscribe = (code: string) => ada.ask(SUBSCRIBE, { input: { planId: premium, promotionCode: code } });
const refusal = ({ errors }: Awaited<ReturnType<typeof create>>) => errors?.[0]?.extensions;
const exhausted = { code: "PROMOTION_EXHAUSTED", field: "input.promotionCode" };
const usesOf = async (code: string) => (await shownPromotion(service, code)).redemptionCount;
const em = () => service.app.parts.orm.em.fork();
const inDays = (days: number) => new Date(service.sandbox.now().getTime() + days * 86_400_000).toISOString();

test("a code for a plan takes half off a page's first bill, once a user, and is a coupon and a code at Stripe", async () => {
  const { code, id } = await promotion(
    { ...HALF, planId: premium },
    { endsAt: inDays(90), maxRedemptions: 8 },
  );
  const stripe = stripeOf(service);
  const [remote] = (await stripe.promotionCodes.list({ coupon: id })).data;
  expect(remote).toMatchObject({
    code,
    active: true,
    max_redemptions: 80,
    metadata: { cmh_promotion_id: id },
  });
  const [price] = (await stripe.prices.list({ lookup_keys: ["premium_monthly"] })).data;
  expect((await stripe.coupons.retrieve(id, { expand: ["applies_to"] })).applies_to?.products).toEqual([
    price!.product,
  ]);
  const { data } = await checkout(code.toLowerCase());
  expect(await usesOf(code)).toBe(0);
  await service.pay(data.createCheckoutSession.id);
  await ada.until(({ status }) => status === "ACTIVE");
  expect((await ada.invoices()).map(({ amount_paid }) => amount_paid)).toEqual([1_950]);
  expect(await usesOf(code)).toBe(1);
  const told =
    "select actor, action from audit_log where table_name = 'promotion_redemptions' and user_id = ?";
  expect(await em().execute(told, [ada.userId])).toEqual([{ actor: "stripe", action: "changed" }]);
  await ada.cancel({ atPeriodEnd: false });
  expect(refusal(await checkout(code))).toMatchObject(exhausted);
  expect(refusal(await checkout(code, {}, await newLearner(service)))).toBeUndefined();
});

test("amounts, months, and first-timers are said to Stripe as they were asked for", async () => {
  const fields = { duration: "REPEATING", months: 3, firstTimeOnly: true };
  const { data } = await create({ discount: { amountOff: 500, currency: "USD", ...fields } });
  expect(data.createPromotion.discount).toEqual({
    ...{ percentOff: null, amountOff: { amount: 500, currency: "USD" }, planId: null, ...fields },
  });
  const { id } = data.createPromotion;
  expect(await stripeOf(service).coupons.retrieve(id)).toMatchObject({
    ...{ amount_off: 500, currency: "usd", duration: "repeating", duration_in_months: 3 },
  });
  const [code] = (await stripeOf(service).promotionCodes.list({ coupon: id })).data;
  expect(code?.restrictions.first_time_transaction).toBe(true);
});

test("a card that is declined does not use a code up, and the next one pays with it", async () => {
  const { code } = await promotion(HALF, { maxRedemptions: 1 });
  await ada.ask(ADD, { card: "pm_card_chargeCustomerFail" });
  expect(refusal(await subscribe(code))?.code).toBe("PAYMENT_DECLINED");
  await ada.ask(ADD, { card: "pm_card_visa" });
  const { data } = await subscribe(code);
  expect(data.createSubscription.subscription.status).toBe("ACTIVE");
  expect((await ada.invoices())[0]?.amount_paid).toBe(1_950);
  expect(refusal(await checkout(code, {}, await newLearner(service)))).toMatchObject(exhausted);
});

test("a code that is wrong is refused with its own code, and makes nothing at Stripe", async () => {
  const soon = await promotion(HALF, { endsAt: inDays(1) });
  await passTime(service, 2);
  const full = await promotion(HALF, { maxRedemptions: 1 });
  await checkout(full.code, {}, await newLearner(service));
  const over = await promotion();
  await service.ask(END, { id: over.id }, admin);
  const later = await promotion(HALF, { startsAt: inDays(3) });
  const teams = await promotion({ ...HALF, planId: await planId(service, "Enterprise") });
  const course = await promotion({ ...HALF, resourceType: "COURSE", resourceId: "rust" });
  const euros = await promotion({ amountOff: 500, currency: "EUR" });
  const access = newCode();
  await create({ code: access, access: { scope: "PLATFORM", days: 30 } });
  const cases: [string, string][] = [
    [soon.code, "PROMOTION_EXPIRED"],
    [full.code, "PROMOTION_EXHAUSTED"],
    [`${full.code}0`, "BAD_USER_INPUT"],
    [over.code, "BAD_USER_INPUT"],
    [later.code, "BAD_USER_INPUT"],
    [teams.code, "PROMOTION_NOT_APPLICABLE"],
    [course.code, "PROMOTION_NOT_APPLICABLE"],
    [euros.code, "PROMOTION_NOT_APPLICABLE"],
    [access, "PROMOTION_NOT_APPLICABLE"],
  ];
  for (const [typed, code] of cases)
    expect([typed, refusal(await checkout(typed))]).toEqual([
      typed,
      expect.objectContaining({ code, field: "input.promotionCode" }),
    ]);
  const mine = await em().execute("select 1 from intents where user_id = ?", [ada.userId]);
  expect(mine).toEqual([]);
});

test("of many pages at once on two replicas exactly as many are opened as a code allows; an abandoned one makes room", async () => {
  const { code } = await promotion(HALF, { maxRedemptions: 4 });
  const replica = await startReplica(service);
  const learners = await Promise.all(Array.from({ length: 16 }, () => newLearner(service)));
  const answers = await Promise.all(
    learners.map((learner, which) =>
      checkout(code, {}, learner, (which % 2 ? replica : service) as TestService),
    ),
  );
  await replica.app.stop();
  const said = answers.map((answer) => refusal(answer)?.code ?? "open");
  expect(said.filter((one) => one === "open")).toHaveLength(4);
  expect(said.filter((one) => one === "PROMOTION_EXHAUSTED")).toHaveLength(12);
  expect(refusal(await checkout(code))).toMatchObject(exhausted);
  const open = answers.find(({ errors }) => !errors)?.data.createCheckoutSession.id;
  await stripeOf(service).checkout.sessions.expire(open);
  await eventually(
    () => em().execute("select 1 from checkout_sessions where id = ? and status = 'expired'", [open]),
    (rows) => rows.length === 1,
  );
  expect(refusal(await checkout(code))).toBeUndefined();
});

test("whoever begins anew keeps their place, however often", async () => {
  const { code, id } = await promotion(HALF, { maxRedemptions: 1 });
  const first = await checkout(code);
  expect((await checkout(code)).data).toEqual(first.data);
  const other = await checkout(code, { planId: await planId(service, "Enterprise"), quantity: 2 });
  expect(other.data.createCheckoutSession.id).not.toBe(first.data.createCheckoutSession.id);
  const held = await em().execute(
    "select released_at is null as held from promotion_redemptions where promotion_id = ? order by created_at, id",
    [id],
  );
  expect(held).toEqual([{ held: false }, { held: true }]);
});

test("a code whose making was not answered is made once, and cannot be used before", async () => {
  const code = newCode();
  const input = { code, discount: HALF, idempotencyKey: "spring" };
  await setFaults(service, {
    calls: [{ method: "POST", path: "/v1/promotion_codes", times: 9, status: "reset", when: "after" }],
  });
  expect(refusal(await create(input))?.code).toBe("PROVIDER_UNAVAILABLE");
  expect(refusal(await checkout(code))?.code).toBe("BAD_USER_INPUT");
  await setFaults(service, { reset: true });
  const { data } = await eventually(
    () => create(input),
    ({ errors }) => !errors,
  );
  const { id } = data.createPromotion;
  expect((await stripeOf(service).promotionCodes.list({ coupon: id })).data).toHaveLength(1);
  expect(refusal(await checkout(code))).toBeUndefined();
});

test("a code that somebody has made at Stripe is theirs; ours of the same name is not left behind", async () => {
  const { id: coupon } = await stripeOf(service).coupons.create({ percent_off: 10, duration: "once" });
  const code = newCode();
  await stripeOf(service).promotionCodes.create({ promotion: { type: "coupon", coupon }, code });
  const taken = await create({ code, discount: HALF });
  expect(refusal(taken)).toMatchObject({ code: "BAD_USER_INPUT", field: "input.code" });
  expect((await shownPromotion(service, code)).deactivatedAt).not.toBeNull();
  const page = await checkout(code);
  const session = await stripeOf(service).checkout.sessions.retrieve(page.data.createCheckoutSession.id);
  expect(session.amount_total).toBe(3_510);
});

test("a code that Stripe refuses after a silence does not keep its name from the next one", async () => {
  const code = newCode();
  const stripe = stripeOf(service);
  const { id: coupon } = await stripe.coupons.create({ percent_off: 10, duration: "once" });
  const rival = await stripe.promotionCodes.create({ promotion: { type: "coupon", coupon }, code });
  await setFaults(service, {
    calls: [{ method: "POST", path: "/v1/promotion_codes", times: 9, status: "reset", when: "before" }],
  });
  const ask = () => create({ code, discount: HALF });
  expect(refusal(await ask())?.code).toBe("PROVIDER_UNAVAILABLE");
  await setFaults(service, { reset: true });
  await eventually(
    () => em().execute("select 1 from intents where kind = 'create-promotion' and state = 'PENDING'"),
    (rows) => rows.length === 0,
  );
  await stripe.promotionCodes.update(rival.id, { active: false });
  expect((await ask()).errors).toBeUndefined();
  expect(refusal(await checkout(code))).toBeUndefined();
});

test("a code for first-timers is refused to who has paid before, and not used up by that", async () => {
  const { code, id } = await promotion({ ...HALF, firstTimeOnly: true }, { maxRedemptions: 1 });
  await ada.subscribe();
  await ada.cancel({ atPeriodEnd: false });
  expect(refusal(await checkout(code))).toMatchObject({
    code: "PROMOTION_NOT_APPLICABLE",
    field: "input.promotionCode",
  });
  expect(refusal(await checkout(code, {}, await newLearner(service)))).toBeUndefined();
  expect(await em().execute("select 1 from promotion_redemptions where promotion_id = ?", [id])).toHaveLength(
    2,
  );
});

test("a code that is ended is ended at Stripe too, and what it discounts goes on", async () => {
  const { code, id } = await promotion({ ...HALF, duration: "FOREVER" });
  const { data } = await checkout(code);
  await service.pay(data.createCheckoutSession.id);
  await ada.until(({ status }) => status === "ACTIVE");
  await service.ask(END, { id }, admin);
  const [remote] = (await stripeOf(service).promotionCodes.list({ coupon: id })).data;
  expect(remote?.active).toBe(false);
  expect(refusal(await checkout(code, {}, await newLearner(service)))?.code).toBe("BAD_USER_INPUT");
  await ada.passPeriod(1);
  const paid = await eventually(
    async () => (await ada.invoices()).map(({ amount_paid }) => amount_paid),
    (amounts) => amounts.length === 2 && amounts.every(Boolean),
  );
  expect(paid).toEqual([1_950, 1_950]);
});
