import { type Learner, newLearner, passTime } from "../support/learner.ts";
import { startService, type TestService } from "../support/service.ts";
import { stripeOf } from "../support/stripe.ts";

let service: TestService;
let ada: Learner;
beforeAll(async () => {
  service = await startService();
});
beforeEach(async () => {
  ada = await newLearner(service);
});
afterAll(() => service.stop());

const authenticate = async (invoiceId: string, outcome: "succeed" | "fail") => {
  const stripe = stripeOf(service);
  const [payment] = (await stripe.invoicePayments.list({ invoice: invoiceId })).data;
  await fetch(
    `${service.sandbox.url}/sandbox/payment_intents/${payment!.payment.payment_intent}/authenticate`,
    {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ outcome }),
    },
  );
};
const priceOn = async () => {
  const { items } = await ada.remote();
  const { price, quantity } = items.data[0]!;
  return { nickname: price.lookup_key, quantity };
};

describe("up, now", () => {
  test("in the middle of the period the charge is to the cent what the preview said", async () => {
    await ada.subscribe();
    const { data: preview, errors } = await ada.preview("Enterprise", 3);
    expect(errors).toBeUndefined();
    const { amountDueNow, appliesImmediately, prorationDate, lines } = preview.previewPlanChange;
    expect(appliesImmediately).toBe(true);
    expect(
      lines.reduce((sum: number, line: { amount: { amount: number } }) => sum + line.amount.amount, 0),
    ).toBe(amountDueNow.amount);
    const { data } = await ada.changePlan("Enterprise", { quantity: 3, prorationDate });
    expect(data.changePlan).toMatchObject({
      clientSecret: null,
      subscription: { status: "ACTIVE", plan: { name: "Enterprise" }, quantity: 3, scheduledPlan: null },
    });
    const [charged] = await ada.invoices();
    expect(charged).toMatchObject({ status: "paid", amount_paid: amountDueNow.amount });
    expect(amountDueNow.amount).toBeGreaterThan(0);
    expect(preview.previewPlanChange.nextInvoiceTotal.amount).toBe(3 * 9_900);
  });

  test("from month to year a year begins and is paid for now, less the rest of the month", async () => {
    await ada.subscribe();
    const { data: preview } = await ada.preview("Premium Annual");
    const { prorationDate } = preview.previewPlanChange;
    const { data } = await ada.changePlan("Premium Annual", { prorationDate });
    expect(data.changePlan.subscription.plan.name).toBe("Premium Annual");
    const ends = new Date(data.changePlan.subscription.currentPeriodEnd);
    expect(ends.getFullYear() - service.sandbox.now().getFullYear()).toBe(1);
    const [charged] = await ada.invoices();
    expect(charged!.amount_paid).toBeLessThan(34_800);
    expect(charged!.amount_paid).toBe(preview.previewPlanChange.amountDueNow.amount);
    expect(preview.previewPlanChange.nextInvoiceTotal.amount).toBe(34_800);
  });

  test("a declined payment leaves the old plan, and nothing that a later try could apply", async () => {
    await ada.subscribe();
    const before = await ada.remote();
    await ada.swapCard("pm_card_chargeCustomerFail");
    const { data, errors } = await ada.changePlan("Enterprise");
    expect(data).toBeNull();
    expect(errors?.[0]?.extensions).toMatchObject({ code: "PAYMENT_DECLINED" });
    expect(await ada.subscription()).toMatchObject({ status: "ACTIVE", plan: { name: "Premium" } });
    const after = await ada.remote();
    expect(after).toMatchObject({ status: "active", pending_update: null });
    expect(after.items.data[0]!.price.id).toBe(before.items.data[0]!.price.id);
    const [tried, first] = await ada.invoices();
    expect([tried!.status, first!.status]).toEqual(["void", "paid"]);
    await ada.swapCard("pm_card_visa");
    expect((await ada.changePlan("Enterprise")).data.changePlan.subscription.plan.name).toBe("Enterprise");
  });

  test("when the bank asks, the secret is handed out and the answer decides", async () => {
    await ada.subscribe();
    await ada.swapCard("pm_card_authenticationRequired");
    const { data, errors } = await ada.changePlan("Enterprise");
    expect(errors).toBeUndefined();
    expect(data.changePlan.clientSecret).toMatch(/^pi_.+_secret_/);
    expect(data.changePlan.subscription).toMatchObject({ status: "ACTIVE", plan: { name: "Premium" } });
    await authenticate(String((await ada.remote()).latest_invoice), "succeed");
    await ada.until(({ plan }) => plan.name === "Enterprise");
  });

  test("when the bank asks and is refused, the change is taken back at Stripe as well", async () => {
    await ada.subscribe();
    await ada.swapCard("pm_card_authenticationRequired");
    await ada.changePlan("Enterprise");
    const { latest_invoice } = await ada.remote();
    await authenticate(String(latest_invoice), "fail");
    const stripe = stripeOf(service);
    for (let tries = 0; tries < 100; tries++) {
      if ((await stripe.invoices.retrieve(String(latest_invoice))).status === "void") break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(await ada.remote()).toMatchObject({ pending_update: null, status: "active" });
    expect(await ada.subscription()).toMatchObject({ plan: { name: "Premium" } });
  });

  test("declined, it leaves a scheduled downgrade as it was", async () => {
    await ada.subscribe("Enterprise", 5);
    await ada.changePlan("Enterprise", { quantity: 2 });
    await ada.swapCard("pm_card_chargeCustomerFail");
    const { errors } = await ada.changePlan("Enterprise", { quantity: 9 });
    expect(errors?.[0]?.extensions.code).toBe("PAYMENT_DECLINED");
    await ada.swapCard("pm_card_visa");
    await ada.passPeriod();
    await ada.until(({ quantity }) => quantity === 2);
  });

  test.each(["by us", "in the portal"])(
    "it takes back an end that was scheduled %s, as the preview says",
    async (where) => {
      await ada.subscribe();
      const stripe = stripeOf(service);
      const { id, items } = await ada.remote();
      if (where === "by us") await ada.cancel();
      else await stripe.subscriptions.update(id, { cancel_at: items.data[0]!.current_period_end });
      await ada.until(({ cancelAtPeriodEnd }) => cancelAtPeriodEnd);
      const { data: preview } = await ada.preview("Premium Annual");
      const { prorationDate, amountDueNow } = preview.previewPlanChange;
      const { data } = await ada.changePlan("Premium Annual", { prorationDate });
      expect(data.changePlan.subscription).toMatchObject({
        plan: { name: "Premium Annual" },
        cancelAtPeriodEnd: false,
      });
      expect((await ada.invoices())[0]!.amount_paid).toBe(amountDueNow.amount);
      expect(amountDueNow.amount).toBeGreaterThan(30_000);
      expect(
        await stripe.invoiceItems.list({ customer: String((await ada.remote()).customer), pending: true }),
      ).toMatchObject({ data: [] });
      expect(await ada.may()).toBe(true);
    },
  );

  test.each([
    ["declined", "an end by us"],
    ["declined", "an end in the portal"],
    ["refused by a bank that asks", "an end by us"],
    ["refused by a bank that asks", "Premium"],
    ["never answered", "Premium"],
    ["without a card", "an end by us"],
  ])("%s, it leaves what was to follow: %s", async (how, what) => {
    await ada.subscribe("Enterprise", 2);
    const stripe = stripeOf(service);
    const { id, items, customer } = await ada.remote();
    const end = items.data[0]!.current_period_end;
    if (what === "Premium") await ada.changePlan("Premium");
    else if (what === "an end by us") await ada.cancel();
    else await stripe.subscriptions.update(id, { cancel_at: end });
    const before = await ada.until(
      ({ cancelAtPeriodEnd, scheduledPlan }) => cancelAtPeriodEnd || scheduledPlan,
    );
    if (how === "declined") await ada.swapCard("pm_card_chargeCustomerFail");
    else if (how === "without a card")
      for (const method of (await stripe.customers.listPaymentMethods(String(customer))).data)
        await stripe.paymentMethods.detach(method.id);
    else await ada.swapCard("pm_card_authenticationRequired");
    const { errors } = await ada.changePlan("Enterprise", { quantity: 5 });
    if (how === "declined") expect(errors?.[0]?.extensions.code).toBe("PAYMENT_DECLINED");
    if (how === "without a card") expect(errors?.[0]?.extensions.code).toBe("CONFLICT");
    if (how === "refused by a bank that asks")
      await authenticate(String((await ada.remote()).latest_invoice), "fail");
    if (how === "never answered") await passTime(service, 1);
    await ada.until(
      ({ cancelAtPeriodEnd, scheduledPlan }) =>
        cancelAtPeriodEnd === before.cancelAtPeriodEnd && scheduledPlan?.name === before.scheduledPlan?.name,
    );
    const after = await ada.remote();
    expect(after.pending_update).toBeNull();
    expect(after.items.data[0]!.quantity).toBe(2);
    expect(what === "Premium" ? after.schedule : after.cancel_at).toEqual(
      what === "Premium" ? expect.any(String) : end,
    );
  });

  test("in a trial it is made at once and costs nothing yet", async () => {
    await ada.subscribe();
    const stripe = stripeOf(service);
    const { id } = await ada.remote();
    const ends = Math.floor(service.sandbox.now().getTime() / 1000) + 10 * 86_400;
    await stripe.subscriptions.update(id, { trial_end: ends, proration_behavior: "none" });
    await ada.until(({ status }) => status === "TRIALING");
    const { data } = await ada.preview("Enterprise");
    expect(data.previewPlanChange.amountDueNow.amount).toBe(0);
    const changed = await ada.changePlan("Enterprise");
    expect(changed.data.changePlan.subscription).toMatchObject({
      status: "TRIALING",
      plan: { name: "Enterprise" },
    });
  });
});

describe("down, at the end of the period", () => {
  test("it waits, shows as the plan to come, costs nothing now, and comes", async () => {
    await ada.subscribe("Premium Annual");
    const { data: preview } = await ada.preview("Premium");
    expect(preview.previewPlanChange).toMatchObject({
      amountDueNow: { amount: 0, currency: "USD" },
      nextInvoiceTotal: { amount: 3_900 },
      appliesImmediately: false,
    });
    const { data } = await ada.changePlan("Premium");
    const { subscription } = data.changePlan;
    expect(subscription).toMatchObject({
      plan: { name: "Premium Annual" },
      scheduledPlan: { name: "Premium" },
      cancelAtPeriodEnd: false,
    });
    expect(preview.previewPlanChange.effectiveAt).toBe(subscription.currentPeriodEnd);
    expect(await ada.invoices()).toHaveLength(1);
    await ada.passPeriod();
    await ada.until(({ plan, scheduledPlan }) => plan.name === "Premium" && scheduledPlan === null);
    const [renewal] = await ada.invoices();
    expect(renewal).toMatchObject({ status: "paid", amount_paid: 3_900 });
    expect(await ada.may()).toBe(true);
  });

  test("it can be taken back", async () => {
    await ada.subscribe("Enterprise", 2);
    await ada.changePlan("Premium");
    const { data } = await ada.resume();
    expect(data.resumeSubscription).toMatchObject({ plan: { name: "Enterprise" }, scheduledPlan: null });
    expect((await ada.remote()).schedule).toBeNull();
    await ada.passPeriod();
    expect(await priceOn()).toEqual({ nickname: "enterprise_monthly", quantity: 2 });
  });

  test("a later one takes its place, an upgrade as well, a cancel as well", async () => {
    await ada.subscribe("Enterprise", 5);
    await ada.changePlan("Premium");
    const fewer = await ada.changePlan("Enterprise", { quantity: 3 });
    expect(fewer.data.changePlan.subscription).toMatchObject({
      quantity: 5,
      scheduledPlan: { name: "Enterprise" },
    });
    const more = await ada.changePlan("Enterprise", { quantity: 6 });
    expect(more.data.changePlan.subscription).toMatchObject({ quantity: 6, scheduledPlan: null });
    await ada.changePlan("Premium");
    const { data } = await ada.cancel();
    expect(data.cancelSubscription).toMatchObject({ cancelAtPeriodEnd: true, scheduledPlan: null });
    expect((await ada.remote()).schedule).toBeNull();
  });

  test("to Free is a cancel at the end of the period, shown as Free to come, and taken back by a resume", async () => {
    await ada.subscribe();
    const { data } = await ada.changePlan("Free");
    expect(data.changePlan.subscription).toMatchObject({
      plan: { name: "Premium" },
      scheduledPlan: { name: "Free" },
      cancelAtPeriodEnd: true,
    });
    expect((await ada.preview("Free")).data.previewPlanChange).toMatchObject({
      amountDueNow: { amount: 0 },
      nextInvoiceTotal: { amount: 0 },
      lines: [],
    });
    const resumed = await ada.resume();
    expect(resumed.data.resumeSubscription).toMatchObject({ cancelAtPeriodEnd: false, scheduledPlan: null });
  });
});
