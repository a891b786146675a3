import { randomUUID } from "node:crypto";
import { armCrashPoints } from "../../src/crash-points.ts";
import { sever } from "../../src/sync/severing.ts";
import { anonymize, askedFor, codeOf, untilQuiet } from "../support/anonymizing.ts";
import { newBuyer, newCourse, putOnSale, sessionAt } from "../support/buyer.ts";
import { openCheckout, subscribe } from "../support/checkout.ts";
import { newLearner, passTime } from "../support/learner.ts";
import { eventually, startService, type TestService } from "../support/service.ts";
import { atSandbox, customerOf, setFaults, stripeOf } from "../support/stripe.ts";

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterEach(() => armCrashPoints());
afterAll(() => service.stop());

const execute = <T extends object>(sql: string, params: unknown[] = []) =>
  service.app.parts.orm.em.fork().execute<T[]>(sql, params);

/** What became of one, whosever it is by now. */
async function purchase(id: string) {
  const [row] = await execute<{ status: string; back: string; opens: boolean }>(
    `select purchases.status, amount_refunded_minor::text as back,
        exists (select from user_access where source_id = purchases.id::text and revoked_at is null) as opens
       from purchases join payments on purchase_id = purchases.id where purchases.id = ?`,
    [id],
  );
  return row as NonNullable<typeof row>;
}

test("a page that is paid while it is being closed leaves no subscription, and none comes later", async () => {
  const ada = await newBuyer(service);
  const page = await openCheckout(service, ada.token);
  const sessionId = page.data.createCheckoutSession.id;
  const customer = await customerOf(service, ada.userId);
  const stripe = stripeOf(service);
  const slow = { method: "POST", path: "/v1/checkout/sessions/*/expire", times: 1, delayMs: 800 };
  await setFaults(service, { calls: [slow], webhooks: { delayMs: 1_500 } });
  const answer = anonymize(service, ada.userId);
  await eventually(
    () => execute<object>("select 1 from intents where subject = ? and posted_at is not null", [sessionId]),
    (rows) => rows.length > 0,
  );
  await service.pay(sessionId);
  expect((await answer).errors).toBeUndefined();
  await setFaults(service, { reset: true });
  expect((await stripe.subscriptions.list({ customer })).data).toEqual([]);

  // one that somebody makes of what is left of the customer ends as well
  const [ended] = (await stripe.subscriptions.list({ customer, status: "all" })).data;
  const price = String(ended?.items.data[0]?.price.id);
  await stripe.subscriptions.create({ customer, items: [{ price }], trial_period_days: 7 });
  await eventually(
    () => stripe.subscriptions.list({ customer }),
    ({ data }) => data.length === 0,
  );
});

test.each(["with its customer", "without a trace"])(
  "a subscription that ended %s and that nobody told of is in nobody's way",
  async (how) => {
    const ada = await newLearner(service);
    const id = await ada.subscribe();
    const customer = await customerOf(service, ada.userId);
    const stripe = stripeOf(service);
    const remote = (await ada.remote()).id;
    if (how === "with its customer") await stripe.customers.del(customer);
    else await stripe.subscriptions.cancel(remote);
    await ada.until(({ status }) => status === "CANCELED");
    await untilQuiet(service);
    const known = how === "without a trace" ? `${remote}_lost` : remote;
    const lost = "update subscriptions set status = 'ACTIVE', stripe_subscription_id = ? where id = ?";
    await execute(lost, [known, id]);
    expect((await anonymize(service, ada.userId)).errors).toBeUndefined();
    expect(await execute("select status from subscriptions where id = ?", [id])).toEqual([
      { status: "CANCELED" },
    ]);
  },
);

test("a subscription that another Stripe than ours was asked for keeps whose it is", async () => {
  const ada = await newLearner(service);
  const id = await ada.subscribe();
  await stripeOf(service).subscriptions.cancel((await ada.remote()).id);
  await ada.until(({ status }) => status === "CANCELED");
  await untilQuiet(service);
  await execute(
    `update subscriptions set status = 'ACTIVE', stripe_subscription_id = 'sub_lost', stripe_price_id = 'price_lost'
      where id = ?`,
    [id],
  );
  expect(codeOf(await anonymize(service, ada.userId))).toBe("CONFLICT");
  expect(await execute("select status, user_id from subscriptions where id = ?", [id])).toEqual([
    { status: "ACTIVE", user_id: ada.userId },
  ]);
  // nobody has to wait for it here
  await execute("update subscriptions set status = 'CANCELED' where id = ?", [id]);
});

test("a customer of another account's is not taken for one that has ended", async () => {
  const ada = await newLearner(service);
  await ada.subscribe();
  await untilQuiet(service);
  const prices = await execute<{ id: string; stripe_price_id: string }>(
    "select id, stripe_price_id from subscription_plans where stripe_price_id is not null",
  );
  await execute("update customers set stripe_customer_id = 'cus_elsewhere' where user_id = ?", [ada.userId]);
  await execute(
    "update subscription_plans set stripe_price_id = 'price_' || name where stripe_price_id is not null",
  );
  // also when a sync has taken it for deleted meanwhile
  for (const deleted of [false, true]) {
    await execute("update customers set is_deleted = ? where user_id = ?", [deleted, ada.userId]);
    expect(codeOf(await anonymize(service, ada.userId))).toBe("CONFLICT");
  }
  for (const { id, stripe_price_id } of prices)
    await execute("update subscription_plans set stripe_price_id = ? where id = ?", [stripe_price_id, id]);
  expect(await execute("select severed_at from anonymized_users where user_id = ?", [ada.userId])).toEqual([
    { severed_at: null },
  ]);
});

test("what was paid for stays paid: nothing of it goes back", async () => {
  const ada = await newBuyer(service);
  const course = newCourse();
  await putOnSale(service, course);
  const { id } = (await ada.pay(course)).data.createPurchase.purchase;
  await ada.until(id, "COMPLETED");
  const customer = await customerOf(service, ada.userId);
  await untilQuiet(service);
  expect((await anonymize(service, ada.userId)).errors).toBeUndefined();
  await untilQuiet(service);
  const { data: charges } = await stripeOf(service).charges.list({ customer });
  expect(charges).toMatchObject([{ amount: 4_900, amount_refunded: 0, refunded: false }]);
  expect(await purchase(id)).toEqual({ status: "COMPLETED", back: "0", opens: false });

  // nor when Stripe tells of it again
  await service.app.parts.sync.payment(String(charges[0]?.payment_intent));
  const refunds = "select 1 from intents where kind = 'refund-duplicate' and subject = ?";
  expect(await execute(refunds, [charges[0]?.payment_intent])).toEqual([]);
});

test("what a bank brings afterwards opened nothing, and goes back", async () => {
  const ada = await newBuyer(service);
  const course = newCourse();
  await putOnSale(service, course);
  const { checkoutUrl, purchase: ordered } = (await ada.page(course)).data.createPurchase;
  const session = await sessionAt(service, checkoutUrl);
  await service.pay(session, "pm_usBankAccount_success");
  await eventually(
    () => execute("select 1 from payments where user_id = ? and status = 'PROCESSING'", [ada.userId]),
    (rows) => rows.length === 1,
  );
  expect((await anonymize(service, ada.userId)).errors).toBeUndefined();
  await passTime(service, 6);
  await eventually(
    () => purchase(ordered.id),
    (row) => row.status === "REFUNDED",
  );
});

test("what was given back as paid twice, and comes back, is given back again", async () => {
  const ada = await newBuyer(service);
  const course = newCourse();
  await putOnSale(service, course);
  const late = (await ada.page(course)).data.createPurchase;
  await execute("update purchases set status = 'EXPIRED' where id = ?", [late.purchase.id]);
  await execute("delete from purchase_slots where user_id = ?", [ada.userId]);
  await ada.pay(course);
  await service.pay(await sessionAt(service, late.checkoutUrl));
  await ada.until(late.purchase.id, "REFUNDED");
  // as when both were paid before the course was open
  await execute("update purchases set withdrawn_at = null where id = ?", [late.purchase.id]);
  const stripe = stripeOf(service);
  const customer = await customerOf(service, ada.userId);
  const twice = (await stripe.charges.list({ customer })).data;
  const charge = String(twice.find(({ refunded }) => refunded)?.id);
  const refunds = async () => (await stripe.refunds.list({ charge })).data;
  await untilQuiet(service);
  expect((await anonymize(service, ada.userId)).errors).toBeUndefined();
  await atSandbox(service, `refunds/${(await refunds())[0]?.id}`, { status: "failed" });
  await eventually(refunds, ({ length }) => length === 2);
  await eventually(
    () => purchase(late.purchase.id),
    ({ status }) => status === "REFUNDED",
  );
  const whole = (await stripe.charges.list({ customer })).data.filter(({ refunded }) => !refunded);
  expect(whole).toMatchObject([{ amount_refunded: 0 }]);
});

test("an invoice that nobody expected to be paid any more cannot be paid afterwards", async () => {
  const ada = await newBuyer(service);
  await ada.card();
  const customer = await customerOf(service, ada.userId);
  const stripe = stripeOf(service);
  const draft = await stripe.invoices.create({ customer, auto_advance: false });
  await stripe.invoiceItems.create({ customer, invoice: draft.id, amount: 500, currency: "usd" });
  await stripe.invoices.finalizeInvoice(String(draft.id));
  await stripe.invoices.markUncollectible(String(draft.id));
  expect((await anonymize(service, ada.userId)).errors).toBeUndefined();
  expect((await stripe.invoices.retrieve(String(draft.id))).status).toBe("void");
});

test("a form that was still open stores no card, and what a page still adds does not stay", async () => {
  const ada = await newBuyer(service);
  const { data } = await ada.ask("mutation { createSetupIntent { clientSecret } }");
  const form = String(data.createSetupIntent.clientSecret).split("_secret_")[0] as string;
  const customer = await customerOf(service, ada.userId);
  expect((await anonymize(service, ada.userId)).errors).toBeUndefined();
  const stripe = stripeOf(service);
  const entered = stripe.setupIntents.confirm(form, {
    payment_method: "pm_card_visa",
    return_url: "https://a.example",
  });
  await expect(entered).rejects.toMatchObject({ code: "setup_intent_unexpected_state" });

  const card = {
    type: "card",
    card: { token: "tok_visa" },
    billing_details: { name: "A LOVELACE" },
  } as const;
  const { id } = await stripe.paymentMethods.create(card);
  await stripe.paymentMethods.attach(id, { customer });
  const added = await eventually(
    () => stripe.paymentMethods.retrieve(id),
    (method) => method.customer === null,
  );
  expect(added.billing_details.name).toBeNull();
  // our rows follow what was done there
  await eventually(
    () => execute("select 1 from payment_methods where stripe_payment_method_id = ?", [id]),
    ({ length }) => length === 0,
  );
});

test("whoever was faster is no refusal of Stripe's: the other goes on with what is left", async () => {
  const ada = await newBuyer(service);
  await subscribe(service, ada.token);
  const customer = await customerOf(service, ada.userId);
  await untilQuiet(service);
  await askedFor(service, ada.userId);
  const em = service.app.parts.orm.em.fork();
  await em.begin();
  await em.execute("select lock_user_standing(?)", [ada.userId]);
  const answer = anonymize(service, ada.userId);
  await eventually(
    () =>
      execute(`select 1 from pg_locks where locktype = 'advisory' and not granted
            and database = (select oid from pg_database where datname = current_database())`),
    (rows) => rows.length > 0,
  );
  const pseudonym = `anonymized:${randomUUID()}`;
  await em.execute("update anonymized_users set severed_at = now(), pseudonym = ? where user_id = ?", [
    pseudonym,
    ada.userId,
  ]);
  await sever(em, ada.userId, pseudonym);
  await em.commit();
  expect((await answer).data?.anonymizeUser?.finishedAt).toEqual(expect.any(String));
  expect((await stripeOf(service).subscriptions.list({ customer })).data).toEqual([]);
});
