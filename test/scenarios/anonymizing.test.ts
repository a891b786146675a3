import { randomUUID } from "node:crypto";
import { Redis } from "ioredis";
import { armCrashPoints, type CrashPoint } from "../../src/crash-points.ts";
import { STREAM } from "../../src/events/stream.ts";
import { Reports } from "../../src/reconciliation/reports.ts";
import { TABLES_OF_USERS } from "../../src/sync/severing.ts";
import { type Buyer, newBuyer, newCourse, putOnSale } from "../support/buyer.ts";
import { openCheckout, planId, subscribe } from "../support/checkout.ts";
import { comparingIn, NOTHING } from "../support/comparing.ts";
import { newLearner } from "../support/learner.ts";
import { addCard } from "../support/methods.ts";
import { eventually, newUser, startService, type TestService } from "../support/service.ts";
import { customerOf, setFaults, stripeOf } from "../support/stripe.ts";
import { deliver } from "../support/webhook.ts";

let service: TestService;
let redis: Redis;
let admin: string;
beforeAll(async () => {
  service = await startService();
  redis = new Redis(service.redis.url);
  admin = await service.token(newUser(), "admin");
});
afterEach(() => armCrashPoints());
afterAll(async () => {
  redis.disconnect();
  await service.stop();
});

const execute = <T extends object>(sql: string, params: unknown[] = []) =>
  service.app.parts.orm.em.fork().execute<T[]>(sql, params);
const ANONYMIZE = `mutation ($userId: ID!, $key: String) {
  anonymizeUser(userId: $userId, idempotencyKey: $key) { userId requestedAt finishedAt }
}`;
const anonymize = (userId: string, key?: string, as = admin) => service.ask(ANONYMIZE, { userId, key }, as);
const codeOf = ({ errors }: Awaited<ReturnType<typeof anonymize>>) => errors?.[0]?.extensions.code;

/** Where one of these texts stands, of all that the service keeps. */
async function tracesOf(words: string[]): Promise<string[]> {
  const columns = await execute<{ table_name: string; column_name: string }>(
    `select table_name, column_name from information_schema.columns
      where table_schema = 'public' and data_type in ('text', 'json', 'jsonb', 'character varying', 'ARRAY')`,
  );
  const found: string[] = [];
  const looks = columns.map(
    ({ table_name: table, column_name: column }) =>
      `select '${table}.${column}: ' || word as trace from jsonb_array_elements_text(?::jsonb) word
        where exists (select 1 from "${table}" where "${column}"::text like '%' || word || '%')`,
  );
  const given = looks.map(() => JSON.stringify(words));
  const traces = await execute<{ trace: string }>(looks.join(" union all "), given);
  found.push(...traces.map(({ trace }) => trace));
  for (const key of await redis.keys("*")) {
    const type = await redis.type(key);
    const held = {
      hash: () => redis.hgetall(key),
      stream: () => redis.xrange(key, "-", "+"),
      string: () => redis.get(key),
    }[type as "hash"]?.();
    const text = `${key} ${JSON.stringify(await held)}`;
    for (const word of words) if (text.includes(word)) found.push(`redis ${key}: ${word}`);
  }
  return found;
}

/** Somebody of whom there is one of everything. */
async function somebody() {
  const ada: Buyer = await newBuyer(service);
  const mark = randomUUID().slice(0, 8);
  const who = {
    email: `ada.${mark}@example.org`,
    name: `Ada Lovelace ${mark}`,
    holder: `A LOVELACE ${mark}`,
  };
  const course = newCourse();
  await putOnSale(service, course);
  const bought = (await ada.pay(course)).data.createPurchase.purchase.id;
  const disputed = newCourse();
  await putOnSale(service, disputed);
  await ada.pay(disputed, await ada.card("tok_createDispute"));
  const customer = await customerOf(service, ada.userId);
  const stripe = stripeOf(service);
  await stripe.customers.update(customer, {
    ...{ email: who.email, name: who.name, phone: "+3215550100", description: `Teacher ${who.name}` },
    ...{ address: { line1: `${mark} Road` }, metadata: { nickname: who.name } },
    ...{ business_name: `${who.name} Ltd`, individual_name: who.name },
    invoice_settings: { footer: `Thanks, ${who.name}`, custom_fields: [{ name: "For", value: mark }] },
  });
  const method = await stripe.paymentMethods.create({
    type: "card",
    card: { token: "tok_mastercard" },
    billing_details: { name: who.holder, email: who.email },
  });
  await stripe.paymentMethods.attach(method.id, { customer });
  await subscribe(service, ada.token);
  await eventually(
    () => execute<{ email: string }>("select email from customers where user_id = ?", [ada.userId]),
    ([row]) => row?.email === who.email,
  );
  const paid = await eventually(
    () => ada.purchase(bought),
    (shown) => shown?.payment?.status === "SUCCEEDED",
  );
  const REFUND = "mutation ($id: ID!) { refundPayment(input: { paymentId: $id, amount: 100 }) { id } }";
  await service.ask(REFUND, { id: paid.payment.id }, admin);
  const GRANT = `mutation ($input: GrantAccessInput!) { grantAccess(input: $input) { id } }`;
  const gift = { userId: ada.userId, scope: "COURSE", resourceId: "gift", reason: `for ${who.name}` };
  await service.ask(GRANT, { input: gift }, admin);
  await service.ask(
    'mutation { createBillingPortalSession(returnUrl: "https://learn.example.com/") { url } }',
    {},
    ada.token,
  );
  await openCheckout(service, ada.token, { planId: await planId(service, "Premium"), quantity: 1 });
  return { ada, who, customer, course, mark };
}

const events = async () => {
  const all = [];
  for await (const event of stripeOf(service).events.list({ limit: 100 })) all.push(event);
  return all.reverse();
};
const untilQuiet = () =>
  eventually(
    () => execute<object>("select 1 from stripe_events where status = 'pending' limit 1"),
    (rows) => rows.length === 0,
  );

/** A process that is gone has them for twenty seconds more. */
const untilItsLeasesEnd = () =>
  execute("update intents set lease_until = null where lease_until is not null");

test("whoever is anonymised is nowhere to be found, and what comes late brings nothing of them back", async () => {
  const { ada, who, customer, course, mark } = await somebody();
  await untilQuiet();
  const words = [who.email, who.name, who.holder, mark];
  expect(await tracesOf([who.email])).not.toEqual([]);
  const before = await events();
  const invoices = await execute<object>("select 1 from invoices where user_id = ?", [ada.userId]);
  expect(invoices.length).toBeGreaterThan(1);

  // what others put into the stream is in nobody's way
  for (const junk of ["not json", "null"]) await redis.xadd(STREAM, "*", "event", junk);
  const answer = await anonymize(ada.userId, "once");
  expect(answer.errors).toBeUndefined();
  expect(answer.data.anonymizeUser).toMatchObject({ userId: ada.userId, finishedAt: expect.any(String) });
  expect((await anonymize(ada.userId, "once")).data).toEqual(answer.data);
  expect((await anonymize(ada.userId)).data).toEqual(answer.data);
  await untilQuiet();

  const stripe = stripeOf(service);
  const nobody = async (alsoIn: string[] = []) => {
    expect(await tracesOf(words)).toEqual([]);
    // the platform's id is the tombstone's, and that of who did it; nothing else leads from it to what is kept
    const traces = new Set((await tracesOf([ada.userId])).map((trace) => trace.split(":")[0]));
    expect([...traces].sort()).toEqual([
      "anonymized_users.user_id",
      "audit_log.row_id",
      "idempotency_keys.reference",
      ...alsoIn,
    ]);
  };
  await nobody();
  const remote = await stripe.customers.retrieve(customer);
  expect(JSON.stringify(remote)).not.toMatch(new RegExp([...words, ada.userId].join("|")));
  expect((await stripe.customers.listPaymentMethods(customer)).data).toEqual([]);
  expect((await stripe.subscriptions.list({ customer })).data).toEqual([]);
  expect((await stripe.checkout.sessions.list({ customer, status: "open" })).data).toEqual([]);
  expect((await stripe.invoices.list({ customer, status: "open" })).data).toEqual([]);

  // nor does a moment lead from the one to the other
  const moments = await execute<{ moment: Date }>(
    `select unnest(array[requested_at, severed_at, finished_at]) as moment from anonymized_users where user_id = ?
     union all select at from audit_log where table_name = 'anonymized_users' and row_id = ?`,
    [ada.userId, ada.userId],
  );
  expect(moments).toHaveLength(4);
  for (const { moment } of moments) expect(new Date(moment).getTime() % 86_400_000).toBe(0);

  // not even hashed: whoever knows an address could look it up
  expect(
    await execute(
      "select distinct params_hash from intents where user_id like 'anonymized:%' and kind <> 'blank-customer'",
    ),
  ).toEqual([{ params_hash: "" }]);

  // what is kept is kept
  const [row] = await execute<{ user_id: string }>(
    "select user_id from customers where stripe_customer_id = ?",
    [customer],
  );
  const pseudonym = String(row?.user_id);
  const kept = await execute<object>("select 1 from invoices where user_id = ?", [pseudonym]);
  expect(kept).toHaveLength(invoices.length);

  // a token that is still good stands for nobody
  expect(await ada.may(course)).toBe(false);
  const seen = await ada.ask(
    "{ subscriptionStatus { id } payments { totalCount } userAccess { id } paymentMethods { id } }",
  );
  expect(seen.data).toEqual({
    ...{ subscriptionStatus: null, payments: { totalCount: 0 } },
    ...{ userAccess: [], paymentMethods: [] },
  });
  expect(codeOf(await ada.ask("mutation { createSetupIntent { clientSecret } }"))).toBe("USER_ANONYMIZED");
  expect(codeOf(await ada.page(course))).toBe("USER_ANONYMIZED");
  const again = await openCheckout(service, ada.token, {
    planId: await planId(service, "Premium"),
    quantity: 1,
  });
  expect(codeOf(again)).toBe("USER_ANONYMIZED");

  // every event once more, as if it came late; whatever was missed is caught up with; then all is as Stripe says
  await execute("delete from stripe_events");
  for (const event of before) await deliver(service, JSON.stringify(event));
  await untilQuiet();
  await service.app.parts.catchUp.since(new Date(0));
  await untilQuiet();
  await service.app.parts.sync.customer(customer);
  // somebody puts it back in the dashboard
  await stripe.customers.update(customer, { email: who.email, metadata: { cmh_user_id: ada.userId } });
  await untilQuiet();
  await stripe.customers.update(customer, { metadata: { cmh_user_id: pseudonym } });
  await untilQuiet();
  // a comparison that began before knows the old id, and what it has found then
  const reports = new Reports(service.app.parts.orm.em);
  const asked = { askedBy: "operator:test", repairs: false, since: new Date(0), startedAt: new Date() };
  const change = { table: "customers", key: "1", kind: "changed" as const, objectId: customer };
  await reports.add(await reports.begin(asked), 1, {
    failed: [],
    findings: [{ ...change, userId: ada.userId, state: "drift", columns: { email: [who.email, null] } }],
  });
  expect(await comparingIn(service).reconcile(false, ada.userId)).toEqual(NOTHING);
  // what the token asked for is remembered for a minute: nothing
  await nobody(["redis payment"]);
  expect(await comparingIn(service).reconcile(false, pseudonym)).toEqual(NOTHING);
}, 90_000);

test("every table that says whose its rows are is severed", async () => {
  const rows = await execute<{ table_name: string }>(
    "select table_name from information_schema.columns where table_schema = 'public' and column_name = 'user_id'",
  );
  const elsewhere = ["anonymized_users", "audit_log", "reconciliation_drift", "trial_claims"];
  expect(rows.map((row) => row.table_name).sort()).toEqual([...TABLES_OF_USERS, ...elsewhere].sort());
});

test("every row that is severed is found by an index", async () => {
  const rows = await execute<{ name: string }>(
    `select table_class.relname as name from pg_index
       join pg_class table_class on table_class.oid = indrelid
       join pg_attribute on attrelid = indrelid and attnum = indkey[0] and attname = 'user_id'
      where indpred is null group by 1`,
  );
  const found = new Set(rows.map(({ name }) => name));
  const all = [...TABLES_OF_USERS, "audit_log", "reconciliation_drift", "trial_claims"];
  // three are found by their payments
  expect(all.filter((table) => !found.has(table))).toEqual(["charges", "refunds", "disputes"]);
});

test("the audit log takes no other change, and admins alone anonymise", async () => {
  await expect(execute("update audit_log set reason = 'x'")).rejects.toThrow(/append-only/);
  const someone = newUser();
  for (const role of ["user", "service"])
    expect(codeOf(await anonymize(someone, undefined, await service.token(newUser(), role)))).toBe(
      "FORBIDDEN",
    );
  expect(codeOf(await anonymize("", undefined))).toBe("BAD_USER_INPUT");
  expect((await anonymize(someone)).data.anonymizeUser.finishedAt).toEqual(expect.any(String));
});

test("an admin who was anonymised changes nothing any more, with a token that is still good", async () => {
  const gone = newUser();
  const token = await service.token(gone, "admin");
  const GRANT = "mutation ($input: GrantAccessInput!) { grantAccess(input: $input) { id } }";
  const grant = (resourceId: string) =>
    service.ask(
      GRANT,
      { input: { userId: newUser(), scope: "COURSE", resourceId, reason: "a gift" } },
      token,
    );
  expect((await grant("before")).errors).toBeUndefined();
  expect((await anonymize(gone)).errors).toBeUndefined();
  expect(codeOf(await grant("after"))).toBe("USER_ANONYMIZED");
  expect(codeOf(await anonymize(newUser(), undefined, token))).toBe("USER_ANONYMIZED");
});

test("a first payment that was never made, long ago, keeps nobody from being anonymised", async () => {
  const ada = await newBuyer(service);
  await subscribe(service, ada.token);
  const customer = await customerOf(service, ada.userId);
  const stripe = stripeOf(service);
  const [live] = (await stripe.subscriptions.list({ customer })).data;
  const attempt = await stripe.subscriptions.create({
    ...{ customer, payment_behavior: "default_incomplete", off_session: false },
    items: [{ price: String(live?.items.data[0]?.price.id) }],
  });
  await stripe.invoices.voidInvoice(String(attempt.latest_invoice));
  expect((await stripe.subscriptions.retrieve(attempt.id)).status).toBe("incomplete_expired");
  await untilQuiet();
  const answer = await anonymize(ada.userId);
  expect(answer.errors).toBeUndefined();
  const asked = await execute<object>("select 1 from intents where subject = ?", [attempt.id]);
  expect(asked).toEqual([]);
});

test("a page that is paid while it is being closed leaves no subscription, and none comes later", async () => {
  const ada = await newBuyer(service);
  const page = await openCheckout(service, ada.token);
  const sessionId = page.data.createCheckoutSession.id;
  const customer = await customerOf(service, ada.userId);
  const stripe = stripeOf(service);
  const slow = { method: "POST", path: "/v1/checkout/sessions/*/expire", times: 1, delayMs: 800 };
  await setFaults(service, { calls: [slow], webhooks: { delayMs: 1_500 } });
  const answer = anonymize(ada.userId);
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

test("an invoice that nobody expected to be paid any more cannot be paid afterwards", async () => {
  const ada = await newBuyer(service);
  await ada.card();
  const customer = await customerOf(service, ada.userId);
  const stripe = stripeOf(service);
  const draft = await stripe.invoices.create({ customer, auto_advance: false });
  await stripe.invoiceItems.create({ customer, invoice: draft.id, amount: 500, currency: "usd" });
  await stripe.invoices.finalizeInvoice(String(draft.id));
  await stripe.invoices.markUncollectible(String(draft.id));
  expect((await anonymize(ada.userId)).errors).toBeUndefined();
  expect((await stripe.invoices.retrieve(String(draft.id))).status).toBe("void");
});

/** As long as it is under way: asked for, and not one row severed. */
const ask = (userId: string) =>
  execute("insert into anonymized_users (user_id, pseudonym, requested_at) values (?, ?, now())", [
    userId,
    `anonymized:${randomUUID()}`,
  ]);

test("from the moment it is asked for nothing begins any more, and what Stripe says is still followed", async () => {
  const ada = await newLearner(service);
  const id = await ada.subscribe();
  const card = (await addCard(service, ada.token)).data.addPaymentMethod.id;
  const course = newCourse();
  await putOnSale(service, course, { amount: 0 });
  const enterprise = await planId(service, "Enterprise");
  await untilQuiet();
  await ask(ada.userId);
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
  ];
  for (const [call, variables] of calls)
    expect([call, codeOf(await ada.ask(call, variables))]).toEqual([call, "USER_ANONYMIZED"]);
  const GRANT = "mutation ($input: GrantAccessInput!) { grantAccess(input: $input) { id } }";
  const gift = { userId: ada.userId, scope: "COURSE", resourceId: "gift", reason: "a present" };
  expect(codeOf(await service.ask(GRANT, { input: gift }, admin))).toBe("USER_ANONYMIZED");

  await stripeOf(service).subscriptions.update((await ada.remote()).id, { cancel_at_period_end: true });
  await ada.until(({ cancelAtPeriodEnd }) => cancelAtPeriodEnd);
  expect((await anonymize(ada.userId)).data.anonymizeUser.finishedAt).toEqual(expect.any(String));
});

test("what was ordered and never asked of Stripe is not charged any more", async () => {
  const ada = await newBuyer(service);
  const course = newCourse();
  await putOnSale(service, course);
  const card = await ada.card();
  const customer = await customerOf(service, ada.userId);
  await untilQuiet();
  let left = 1;
  armCrashPoints((at) => {
    if (at === "intent-leased" && left-- === 1) throw new Error("cut off");
  });
  await ada.pay(course, card);
  armCrashPoints();
  await untilItsLeasesEnd();
  expect((await anonymize(ada.userId)).errors).toBeUndefined();
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
  const answers = await Promise.all([anonymize(ada.userId), anonymize(ada.userId, undefined, other)]);
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
  await untilQuiet();
  let left = time;
  armCrashPoints((at) => {
    if (at === point && left-- === 1) throw new Error("cut off");
  });
  await anonymize(ada.userId, randomUUID());
  armCrashPoints();
  await untilItsLeasesEnd();
  const { data } = await eventually(
    () => anonymize(ada.userId, randomUUID()),
    (answer) => !answer.errors,
  );
  expect(data.anonymizeUser.finishedAt).not.toBeNull();
  expect(JSON.stringify(await stripeOf(service).customers.retrieve(customer))).not.toContain(ada.userId);
  expect((await stripeOf(service).subscriptions.list({ customer })).data).toEqual([]);
  expect(await tracesOf([`${ada.userId}@example.com`])).toEqual([]);
});

test("one that was cut off is carried on without anybody asking again", async () => {
  const ada = await newBuyer(service);
  await subscribe(service, ada.token);
  await untilQuiet();
  armCrashPoints((at) => {
    if (at === "intent-posted") throw new Error("cut off");
  });
  await anonymize(ada.userId);
  armCrashPoints();
  await untilItsLeasesEnd();
  await eventually(
    async () => {
      await execute("update anonymized_users set next_try_at = now()");
      await service.app.parts.cursors.restart("anonymizations", {}, 0);
      await service.app.parts.workers.rounds.run("anonymizations");
      return execute<{ done: boolean }>(
        "select finished_at is not null as done from anonymized_users where user_id = ?",
        [ada.userId],
      );
    },
    ([row]) => row?.done === true,
  );
});

test.each([
  ["anonymizations", "anonymized_users"],
  ["purchase-deadlines", "purchases"],
])("the round of %s is anybody's again when the database refuses it something", async (name, table) => {
  await untilQuiet();
  await execute(`alter table ${table} rename to out_of_reach`);
  await service.app.parts.cursors.restart(name, {}, 0);
  await service.app.parts.workers.rounds.run(name).catch(() => {});
  await execute(`alter table out_of_reach rename to ${table}`);
  await eventually(
    () =>
      execute<{ is_free: boolean }>("select lease_until is null as is_free from cursors where name = ?", [
        name,
      ]),
    ([row]) => row?.is_free === true,
  );
});

test("twenty who cannot be finished let others come first, and how long they wait is measured", async () => {
  await untilQuiet();
  const begun = (name: string, count: number, age: string) =>
    execute(
      `insert into anonymized_users (user_id, pseudonym, requested_at, next_try_at)
       select ? || n, 'anonymized:' || ? || n, now() - ?::interval, now() - ?::interval from generate_series(1, ?) n`,
      [name, name, age, age, count],
    );
  await begun("stuck-", 20, "2 days");
  const round = async () => {
    await service.app.parts.cursors.restart("anonymizations", {}, 0);
    await service.app.parts.workers.rounds.run("anonymizations");
  };
  armCrashPoints((at) => {
    if (at === "rows-committed") throw new Error("cannot be finished");
  });
  await round();
  armCrashPoints();
  await begun("fresh-", 1, "1 second");
  await round();
  const left = await execute(
    `select split_part(user_id, '-', 1) as who, tries, count(*)::int as n from anonymized_users
      where finished_at is null group by 1, 2`,
  );
  expect(left).toEqual([{ who: "stuck", tries: 1, n: 20 }]);
  const [, age] =
    (await (await fetch(`${service.url}/metrics`)).text()).match(
      /^anonymizations_oldest_unfinished_seconds (\S+)$/m,
    ) ?? [];
  expect(Number(age)).toBeGreaterThan(2 * 86_400 - 60);
  await execute("delete from anonymized_users where user_id like 'stuck-%'");
});
