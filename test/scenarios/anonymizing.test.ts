import type Stripe from "stripe";
import { armCrashPoints } from "../../src/crash-points.ts";
import { STREAM } from "../../src/events/stream.ts";
import { hashOf } from "../../src/hash.ts";
import { Reports } from "../../src/reconciliation/reports.ts";
import { TABLES_OF_USERS } from "../../src/sync/severing.ts";
import { anonymize, codeOf, eventsOf, somebody, tracesIn, untilQuiet } from "../support/anonymizing.ts";
import { newBuyer } from "../support/buyer.ts";
import { openCheckout, planId, subscribe } from "../support/checkout.ts";
import { comparingIn, NOTHING } from "../support/comparing.ts";
import { eventually, newUser, startService, type TestService } from "../support/service.ts";
import { atSandbox, customerOf, setFaults, stripeOf } from "../support/stripe.ts";
import { deliver } from "../support/webhook.ts";

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.stop());

const execute = <T extends object>(sql: string, params: unknown[] = []) =>
  service.app.parts.orm.em.fork().execute<T[]>(sql, params);

/** In what words a payment was refused, and pages that show who paid, or who is to: in rows and in the log. */
const TOLD = `
  with whose as (select jsonb_array_elements_text(?::jsonb) as prefix)
  select 'refusal' from payments, whose where starts_with(user_id, prefix) and failure_message is not null
  union select 'receipt' from payments, whose where starts_with(user_id, prefix) and receipt_url is not null
  union select 'page' from checkout_sessions, whose where starts_with(user_id, prefix) and url is not null
  union select 'log' from audit_log, whose where starts_with(user_id, prefix)
    and jsonb_exists_any(coalesce(before, '{}') || coalesce(after, '{}'),
      array['failureMessage', 'failure_message', 'receiptUrl', 'receipt_url', 'url'])`;

test("whoever is anonymised is nowhere to be found, and what comes late brings nothing of them back", async () => {
  const { ada, who, customer, method, course, mark } = await somebody(service);
  await untilQuiet(service);
  await ada.ask('mutation { createSetupIntent(idempotencyKey: "form") { clientSecret } }');
  const words = [who.email, who.name, who.holder, mark, hashOf([`user:${ada.userId}`, "form"])];
  expect(await tracesIn(service, [who.email])).not.toEqual([]);
  expect(await execute(TOLD, [JSON.stringify([ada.userId])])).toHaveLength(4);
  const before = await eventsOf(service);
  // rows that were lost are back, with all of each in the log
  await execute("delete from payments where user_id = ?", [ada.userId]);
  expect((await comparingIn(service).reconcile(true, ada.userId)).repaired).toContain("payments missing");
  expect(await tracesIn(service, [ada.userId])).toContain(`audit_log.after: ${ada.userId}`);
  const invoices = await execute<object>("select 1 from invoices where user_id = ?", [ada.userId]);
  expect(invoices.length).toBeGreaterThan(1);

  // an event of no use, as earlier versions stored it
  await execute(
    `insert into stripe_events (id, type, payload, status, received_at, stored_at, next_try_at)
     values ('evt_of_no_use', 'source.chargeable', ?::jsonb, 'ignored', now(), now(), now())`,
    [JSON.stringify({ data: { object: { customer, owner: { name: who.name } } } })],
  );
  // what was to wake the sending of their events, and was cut off
  const wakes = `select 1 from graphile_worker._private_jobs where strpos(key || payload::text, ?) > 0`;
  const ADD = `select graphile_worker.add_job('outbox', json_build_object('subject', ?::text),
    job_key := ?, run_at := now() + interval '1 day')`;
  for (const key of [`outbox:${ada.userId}`, `outbox:${ada.userId}:later`])
    await execute(ADD, [ada.userId, key]);
  // what others put into the stream is in nobody's way
  for (const junk of ["not json", "null"]) await service.app.parts.redis.xadd(STREAM, "*", "event", junk);
  const answer = await anonymize(service, ada.userId, { key: "once" });
  expect(answer.errors).toBeUndefined();
  expect(answer.data.anonymizeUser).toMatchObject({ userId: ada.userId, finishedAt: expect.any(String) });
  expect((await anonymize(service, ada.userId, { key: "once" })).data).toEqual(answer.data);
  expect((await anonymize(service, ada.userId)).data).toEqual(answer.data);
  await untilQuiet(service);

  const stripe = stripeOf(service);
  const nobody = async (alsoIn: string[] = []) => {
    expect(await tracesIn(service, words)).toEqual([]);
    // the platform's id is the tombstone's, and that of who did it; nothing else leads from it to what is kept
    const traces = new Set((await tracesIn(service, [ada.userId])).map((trace) => trace.split(":")[0]));
    expect([...traces].sort()).toEqual([
      "anonymized_users.user_id",
      "audit_log.row_id",
      "idempotency_keys.reference",
      ...alsoIn,
    ]);
    expect(await execute(TOLD, [JSON.stringify(["anonymized:"])])).toEqual([]);
    expect(await execute(wakes, [ada.userId])).toEqual([]);
  };
  await nobody();
  const remote = await stripe.customers.retrieve(customer, { expand: ["tax", "tax_ids"] });
  const named = new RegExp([...words, who.address, ada.userId].join("|"));
  expect(JSON.stringify(remote)).not.toMatch(named);
  expect(remote).toMatchObject({ preferred_locales: ["en"], tax_ids: { data: [] } });
  expect(JSON.stringify(await stripe.paymentMethods.retrieve(method))).not.toMatch(named);
  expect((await stripe.customers.listPaymentMethods(customer)).data).toEqual([]);
  expect((await stripe.subscriptions.list({ customer })).data).toEqual([]);
  expect((await stripe.checkout.sessions.list({ customer, status: "open" })).data).toEqual([]);
  expect((await stripe.invoices.list({ customer, status: "open" })).data).toEqual([]);

  // nor does a moment lead from the one to the other
  const columns = await execute<{ name: string }>(
    `select column_name as name from information_schema.columns
      where table_name = 'anonymized_users' and data_type like 'timestamp%'`,
  );
  const moments = await execute<{ moment: Date }>(
    `select unnest(array[${columns.map(({ name }) => name)}]) as moment from anonymized_users where user_id = ?
     union all select at from audit_log where table_name = 'anonymized_users' and row_id = ?`,
    [ada.userId, ada.userId],
  );
  expect(moments).toHaveLength(columns.length + 1);
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
  // not even the key stays of a call that is cut off as soon as it has noted that
  armCrashPoints((at) => {
    if (at === "key-claimed") throw new Error("cut off");
  });
  const form = await ada.ask('mutation { createSetupIntent(idempotencyKey: "late") { clientSecret } }');
  armCrashPoints();
  expect(codeOf(form)).toBe("USER_ANONYMIZED");
  const again = await openCheckout(service, ada.token, {
    planId: await planId(service, "Premium"),
    quantity: 1,
  });
  expect(codeOf(again)).toBe("USER_ANONYMIZED");

  // every event once more, as if it came late; whatever was missed is caught up with; then all is as Stripe says
  await execute("delete from stripe_events");
  for (const event of before) await deliver(service, JSON.stringify(event));
  await untilQuiet(service);
  await service.app.parts.catchUp.since(new Date(0));
  await untilQuiet(service);
  await service.app.parts.sync.customer(customer);
  // somebody puts it back in the dashboard, and it is taken away again
  await stripe.customers.update(customer, { email: who.email, metadata: { cmh_user_id: ada.userId } });
  await eventually(
    () => stripe.customers.retrieve(customer),
    (shown) => !named.test(JSON.stringify(shown)),
  );
  await untilQuiet(service);
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

/** Made elsewhere, with a card and what is charged to it; with whose it is in its metadata, or without. */
async function stray(userId: string, metadata: Stripe.MetadataParam = { cmh_user_id: userId }) {
  const stripe = stripeOf(service);
  const [price] = (await stripe.prices.list({ lookup_keys: ["premium_monthly"] })).data;
  const { id: customer } = await stripe.customers.create({
    ...{ email: `${userId}@stray.example`, name: "Ada Stray", metadata },
    ...{ payment_method: "pm_card_visa", invoice_settings: { default_payment_method: "pm_card_visa" } },
  });
  await stripe.subscriptions.create({ customer, items: [{ price: price?.id }] });
  return customer;
}
const shown = async (customer: string) => {
  const stripe = stripeOf(service);
  const { email, name, metadata } = (await stripe.customers.retrieve(customer)) as Stripe.Customer;
  const methods = (await stripe.customers.listPaymentMethods(customer)).data.length;
  const subscriptions = (await stripe.subscriptions.list({ customer })).data.length;
  return { email, name, methods, subscriptions, isNobodys: metadata.cmh_user_id?.startsWith("anonymized:") };
};
const BLANK = { email: null, name: null, methods: 0, subscriptions: 0, isNobodys: true };

test("other customers that carry the user's id are blanked as well, also one that appears afterwards", async () => {
  const ada = await newBuyer(service);
  await ada.card();
  const old = await stray(ada.userId);
  // long enough ago for the search alone to know it, and too short for the search to know the other
  await atSandbox(service, "advance", { hours: 1 });
  await setFaults(service, { search: { lagSeconds: 60 } });
  const young = await stray(ada.userId);
  expect((await anonymize(service, ada.userId)).errors).toBeUndefined();
  await setFaults(service, { reset: true });
  for (const customer of [old, young])
    expect(
      await eventually(
        () => shown(customer),
        (now) => now.methods === 0,
      ),
    ).toEqual(BLANK);

  const late = await stray(ada.userId, {});
  await stripeOf(service).customers.update(late, { metadata: { cmh_user_id: ada.userId } });
  const now = await eventually(
    () => shown(late),
    ({ isNobodys, methods }) => isNobodys === true && methods === 0,
  );
  expect(now).toEqual(BLANK);

  // the customer of somebody who goes on is not taken from them by a slip of somebody's hand
  const bob = await newBuyer(service);
  await bob.card();
  const his = await customerOf(service, bob.userId);
  await stripeOf(service).customers.update(his, { metadata: { cmh_user_id: ada.userId } });
  await untilQuiet(service);
  expect(await shown(his)).toMatchObject({ email: `${bob.userId}@example.com`, methods: 1 });
});

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
    expect(codeOf(await anonymize(service, someone, { token: await service.token(newUser(), role) }))).toBe(
      "FORBIDDEN",
    );
  expect(codeOf(await anonymize(service, ""))).toBe("BAD_USER_INPUT");
  expect((await anonymize(service, someone)).data.anonymizeUser.finishedAt).toEqual(expect.any(String));
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
  expect((await anonymize(service, gone)).errors).toBeUndefined();
  expect(codeOf(await grant("after"))).toBe("USER_ANONYMIZED");
  expect(codeOf(await anonymize(service, newUser(), { token }))).toBe("USER_ANONYMIZED");
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
  await untilQuiet(service);
  const answer = await anonymize(service, ada.userId);
  expect(answer.errors).toBeUndefined();
  const asked = await execute<object>("select 1 from intents where subject = ?", [attempt.id]);
  expect(asked).toEqual([]);
});
