import { openCheckout, STATUS, subscribe } from "../support/checkout.ts";
import { runCommand } from "../support/command.ts";
import { addCard } from "../support/methods.ts";
import { eventually, newUser, startService, type TestService } from "../support/service.ts";
import { customerOf, setFaults, stripeOf } from "../support/stripe.ts";
import { deliver, eventOf } from "../support/webhook.ts";

let service: TestService;
beforeAll(async () => {
  // no webhook arrives and nothing works by itself: what differs stays
  service = await startService({ env: { WORKER: "off" }, webhooks: false });
});
afterEach(async () => {
  await setFaults(service, { reset: true });
  for (const userId of touched.splice(0)) await reconcile(true, userId);
});
afterAll(() => service.stop());

const execute = <T extends object>(sql: string, params: unknown[] = []) =>
  service.app.parts.orm.em.fork().execute<T[]>(sql, params);

/** Users whose rows are brought in order again after each test. */
const touched: string[] = [];

interface Found {
  drift: string[];
  inFlight: string[];
  repaired: string[];
  failedUsers: number;
}
async function reconcile(repair = false, userId?: string): Promise<Found> {
  const { drift, failedUsers } = await service.app.parts.reconciliation.reconcile({
    ...{ askedBy: "operator:test", repair, settleMs: 0, ...(userId && { userId }) },
  });
  const of = (wanted: string) =>
    drift.filter(({ state }) => state === wanted).map(({ table, kind }) => `${table} ${kind}`);
  return { drift: of("drift"), inFlight: of("in_flight"), repaired: of("repaired"), failedUsers };
}
const NOTHING: Found = { drift: [], inFlight: [], repaired: [], failedUsers: 0 };

async function subscriber(): Promise<string> {
  const userId = newUser();
  await subscribe(service, await service.token(userId));
  // what confirming does not bring along, such as the stored method
  await reconcile(true, userId);
  touched.push(userId);
  return userId;
}
async function workEverything(): Promise<void> {
  for (;;) {
    const due = await execute<{ key: string }>(
      "select distinct aggregate || ':' || object_id as key from stripe_events where status = 'pending'",
    );
    if (due.length === 0) return;
    for (const { key } of due) await service.app.parts.inbox.work(key);
  }
}
/** All that is kept of a user, without what differs from run to run. */
async function stateOf(userId: string) {
  const tables = ["subscriptions", "invoices", "payments", "charges", "user_access", "subscription_slots"];
  const rows = await Promise.all(
    tables.map((table) =>
      execute<{ row: object }>(
        `select to_jsonb(t) - '{id,version,updated_at,source_id,starts_at}'::text[] as row from ${table} t
         where user_id = ? and coalesce(to_jsonb(t) ->> 'revoked_at', '') = '' order by 1`,
        [userId],
      ),
    ),
  );
  return rows.map((table) => table.map(({ row }) => row));
}

test("a card that comes and goes without a word about the subscription leaves nothing to mend", async () => {
  const userId = newUser();
  const token = await service.token(userId);
  expect((await addCard(service, token)).errors).toBeUndefined();
  await subscribe(service, token);
  const stripe = stripeOf(service);
  const customer = await customerOf(service, userId);
  const { data } = await stripe.subscriptions.list({ customer });
  // from here on the subscription names no card: the customer's default pays
  await stripe.subscriptions.update(data[0]?.id ?? "", { default_payment_method: "" });
  await service.app.parts.sync.subscription(data[0]?.id ?? "");
  await service.app.parts.catchUp.since(new Date(0));
  await workEverything();
  for (const method of (await stripe.customers.listPaymentMethods(customer)).data)
    await stripe.paymentMethods.detach(method.id);
  await service.app.parts.sync.customer(customer);
  touched.push(userId);
  expect(await reconcile(false, userId)).toEqual(NOTHING);
});

test("where everything agrees nothing is found, and looking changes nothing", async () => {
  const userId = newUser();
  await subscribe(service, await service.token(userId));
  await service.app.parts.catchUp.since(new Date(0));
  await workEverything();
  const before = await stateOf(userId);
  const counts = "select (select count(*) from outbox) as o, (select count(*) from audit_log) as a";
  const [told] = await execute(counts);
  expect(await reconcile()).toEqual(NOTHING);
  expect(await stateOf(userId)).toEqual(before);
  expect((await execute(counts))[0]).toEqual(told);
});

test("what Stripe has and no webhook told is missing, the access that follows as well", async () => {
  const userId = newUser();
  const token = await service.token(userId);
  const { data } = await openCheckout(service, token);
  await service.pay(data.createCheckoutSession.id);
  const { drift } = await reconcile(false, userId);
  expect(drift).toEqual(
    expect.arrayContaining([
      "invoices missing",
      "payments missing",
      "subscriptions missing",
      "user_access missing",
    ]),
  );
  await reconcile(true, userId);
  expect((await service.ask(STATUS, {}, token)).data.subscriptionStatus.grantsAccess).toBe(true);
  expect(await reconcile(false, userId)).toEqual(NOTHING);
});

test("what an event or a change at Stripe waits for is in flight, not drift", async () => {
  const userId = await subscriber();
  const stripe = stripeOf(service);
  const customer = await customerOf(service, userId);
  const { data } = await stripe.subscriptions.list({ customer });
  const id = String(data[0]?.id);
  await stripe.subscriptions.update(id, { cancel_at_period_end: true });
  await deliver(service, JSON.stringify(eventOf("customer.subscription.updated", { id })));
  const found = await reconcile();
  expect(found.drift).toEqual([]);
  expect(found.inFlight).toEqual(expect.arrayContaining(["subscriptions changed", "user_access changed"]));
  await workEverything();
  expect(await reconcile()).toEqual(NOTHING);

  await execute("update payments set amount_minor = 1 where user_id = ?", [userId]);
  await execute(
    `insert into intents (id, user_id, kind, subject, params, params_hash, attempt, state, tries, created_at)
     values (gen_random_uuid(), ?, 'expire-checkout-session', 'cs_1', '{}', '', 1, 'PENDING', 0, now())`,
    [userId],
  );
  expect(await reconcile()).toMatchObject({ drift: [], inFlight: ["payments changed"] });
  await execute("update intents set state = 'FAILED' where subject = 'cs_1'");
  expect(await reconcile()).toMatchObject({ drift: ["payments changed"], inFlight: [] });
});

test("what is told while it is looked at a second time was on its way", async () => {
  const userId = await subscriber();
  await execute("update subscriptions set status = 'UNPAID' where user_id = ?", [userId]);
  const [row] = await execute<{ id: string }>(
    "select stripe_subscription_id as id from subscriptions where user_id = ?",
    [userId],
  );
  const comparing = service.app.parts.reconciliation.reconcile({
    ...{ askedBy: "operator:test", repair: false, settleMs: 2_000, userId },
  });
  await eventually(
    () => execute<{ n: number }>("select issued::int as n from sync_tickets where object_id = ?", [row?.id]),
    ([ticket]) => (ticket?.n ?? 0) > 1,
  );
  await new Promise((resolve) => setTimeout(resolve, 500));
  await service.app.parts.sync.subscription(String(row?.id));
  expect((await comparing).drift).toEqual([]);
});

test("without its customer at Stripe nothing is taken away: the key may be another account's", async () => {
  const userId = await subscriber();
  const customer = await customerOf(service, userId);
  for (const path of [
    `/v1/customers/${customer}`,
    "/v1/subscriptions/*",
    "/v1/invoices/*",
    "/v1/payment_intents/*",
  ])
    await setFaults(service, {
      calls: [{ method: "GET", path, status: 404, code: "resource_missing", when: "before" }],
    });
  const found = await reconcile(true, userId);
  expect(found.drift).toEqual(expect.arrayContaining(["subscriptions extra", "payments extra"]));
  expect(await execute("select 1 from subscriptions where user_id = ?", [userId])).toHaveLength(1);
  expect(await execute("select 1 from payments where user_id = ?", [userId])).toHaveLength(1);
});

test("a user who cannot be compared is counted, and holds up nobody", async () => {
  const [poisoned, fine] = [await subscriber(), await subscriber()];
  await execute("update payments set amount_minor = 1 where user_id = ?", [fine]);
  await setFaults(service, {
    calls: [
      {
        method: "GET",
        path: `/v1/customers/${await customerOf(service, poisoned)}`,
        status: 400,
        when: "before",
      },
    ],
  });
  expect(await reconcile()).toMatchObject({ drift: ["payments changed"], failedUsers: 1 });
});

test("the nightly comparison goes on where it stopped, tells metrics, and is due again at night", async () => {
  const userId = await subscriber();
  await execute("update payments set amount_minor = 1 where user_id = ?", [userId]);
  const { reconciliation } = service.app.parts;
  await reconciliation.begin();
  await reconciliation.run();
  expect(await execute("select 1 from reconciliation_reports where asked_by = 'service:payment'")).toEqual(
    [],
  );
  const tonight = () => execute("update cursors set next_run_at = now() where name = 'reconciliation'");
  await tonight();
  await setFaults(service, {
    calls: [{ method: "GET", path: "/v1/customers", status: 500, when: "before" }],
  });
  await expect(reconciliation.run()).rejects.toMatchObject({ code: "PROVIDER_UNAVAILABLE" });
  await setFaults(service, { reset: true });
  await tonight();
  await reconciliation.run(0);
  const reports = await execute<{ finished_at: string; users: number }>(
    "select finished_at, users from reconciliation_reports where asked_by = 'service:payment'",
  );
  expect(reports).toEqual([{ finished_at: expect.anything(), users: expect.any(Number) }]);
  const metrics = await (await fetch(`${service.url}/metrics`)).text();
  expect(metrics).toMatch(/^reconciliation_drift\{table="payments",kind="changed",state="drift"\} 1$/m);
  expect(metrics).toMatch(/^reconciliation_finished_at_seconds [1-9]/m);
  const [cursor] = await execute<{ hour: number }>(
    "select extract(hour from next_run_at at time zone 'utc')::int as hour from cursors where name = 'reconciliation'",
  );
  expect(cursor?.hour).toBe(3);
});

test("the command prints drift by class, exits with 1 unless it is repaired, and explains itself", async () => {
  const userId = await subscriber();
  await execute("update payments set amount_minor = 1 where user_id = ?", [userId]);
  const run = (...args: string[]) => runCommand(service, "reconcile", "--settle", "0", ...args);
  const dry = await run();
  expect([dry.code, dry.stdout]).toEqual([1, expect.stringMatching(/^payments changed +1 +0 +0$/m)]);
  expect(dry.stdout).toMatch(/^payments pi_\w+ changed: amount_minor$/m);
  const repair = await run("--repair");
  expect([repair.code, repair.stdout]).toEqual([0, expect.stringMatching(/^payments changed +0 +0 +1$/m)]);
  expect(await run("--help")).toMatchObject({ code: 0, stdout: expect.stringContaining("--repair") });
  expect(await run("--days", "0")).toMatchObject({ code: 2 });
}, 90_000);

/** What is done to the rows of a user behind the service's back, and what has to be found. */
const INJECTIONS: [what: string, sql: string, classes: string[]][] = [
  [
    "a changed status",
    "update subscriptions set status = 'UNPAID' where user_id = ?",
    ["subscriptions changed"],
  ],
  [
    "a changed period",
    "update subscriptions set current_period_end = now() where user_id = ?",
    ["subscriptions changed"],
  ],
  [
    "a deleted subscription",
    "delete from subscriptions where user_id = ?",
    ["subscriptions missing", "user_access extra", "user_access missing"],
  ],
  [
    "a subscription of somebody else's",
    "update subscriptions set user_id = 'thief' where user_id = ?",
    ["subscriptions changed"],
  ],
  ["a missing invoice", "delete from invoices where user_id = ?", ["invoices missing"]],
  [
    "a wrong amount paid",
    "update invoices set amount_paid_minor = 1 where user_id = ?",
    ["invoices changed"],
  ],
  [
    "an invoice that is not paid",
    "update invoices set status = 'OPEN' where user_id = ?",
    ["invoices changed"],
  ],
  [
    "a missing line",
    "delete from invoice_lines where stripe_invoice_id in (select stripe_invoice_id from invoices where user_id = ?)",
    ["invoice_lines missing"],
  ],
  [
    "a line that lasts longer",
    "update invoice_lines set period_end = period_end + interval '1 year' where stripe_invoice_id in (select stripe_invoice_id from invoices where user_id = ?)",
    ["invoice_lines changed"],
  ],
  [
    "a line that nobody billed",
    "insert into invoice_lines select 'il_made_up', stripe_invoice_id, stripe_subscription_id, 9, '', 1, 1, 'USD', period_start, period_end from invoice_lines where stripe_invoice_id in (select stripe_invoice_id from invoices where user_id = ?)",
    ["invoice_lines extra"],
  ],
  [
    "a missing link",
    "delete from invoice_payments where stripe_invoice_id in (select stripe_invoice_id from invoices where user_id = ?)",
    ["invoice_payments missing"],
  ],
  ["a missing payment", "delete from payments where user_id = ?", ["payments missing"]],
  [
    "a wrong amount",
    "update payments set amount_minor = amount_minor + 1 where user_id = ?",
    ["payments changed"],
  ],
  [
    "a refund that nobody made",
    "insert into refunds (id, user_id, stripe_refund_id, stripe_payment_intent_id, stripe_charge_id, amount_minor, currency, status, stripe_created_at) select gen_random_uuid(), user_id, 're_made_up', stripe_payment_intent_id, stripe_charge_id, 1, 'USD', 'succeeded', now() from charges where user_id = ?",
    ["refunds extra"],
  ],
  ["a missing charge", "delete from charges where user_id = ?", ["charges missing"]],
  [
    "a charge that nobody made",
    "insert into charges select 'ch_made_up', stripe_payment_intent_id, user_id, status, amount_minor, amount_refunded_minor, currency, failure_code, stripe_created_at from charges where user_id = ?",
    ["charges extra"],
  ],
  [
    "a subscription that Stripe does not have",
    "insert into subscriptions (id, user_id, stripe_subscription_id, stripe_price_id, status, quantity, cancel_at_period_end, has_payment_method, stripe_created_at) values (gen_random_uuid(), ?, 'sub_made_up', 'price_1', 'ACTIVE', 1, false, true, now())",
    ["subscriptions extra"],
  ],
  [
    "a payment that Stripe does not have",
    "insert into payments (id, user_id, stripe_payment_intent_id, amount_minor, amount_refunded_minor, currency, status, stripe_created_at) values (gen_random_uuid(), ?, 'pi_made_up', 100, 0, 'USD', 'SUCCEEDED', now())",
    ["payments extra"],
  ],
  [
    "a grant that nothing gives",
    "insert into user_access (id, user_id, source, source_id, scope, starts_at, version) values (gen_random_uuid(), ?, 'SUBSCRIPTION', 'made-up', 'PLATFORM', now(), 1)",
    ["user_access extra"],
  ],
  [
    "a grant of a course by a subscription",
    "insert into user_access (id, user_id, source, source_id, scope, resource_id, starts_at, version) select gen_random_uuid(), user_id, 'SUBSCRIPTION', id, 'COURSE', 'c1', now(), 1 from subscriptions where user_id = ?",
    ["user_access extra"],
  ],
  [
    "a grant that was taken away",
    "update user_access set revoked_at = now() where user_id = ?",
    ["user_access missing"],
  ],
  ["a grant that is not there", "delete from user_access where user_id = ?", ["user_access missing"]],
  [
    "a grant that lasts longer",
    "update user_access set expires_at = expires_at + interval '1 year' where user_id = ?",
    ["user_access changed"],
  ],
  [
    "a grant that has not begun",
    "update user_access set starts_at = now() + interval '1 day' where user_id = ?",
    ["user_access changed"],
  ],
  ["a missing customer", "delete from customers where user_id = ?", ["customers missing"]],
  [
    "a changed customer",
    "update customers set email = 'x@example.com' where user_id = ?",
    ["customers changed"],
  ],
  ["a missing method", "delete from payment_methods where user_id = ?", ["payment_methods missing"]],
  ["a slot that is free", "delete from subscription_slots where user_id = ?", ["subscription_slots missing"]],
];

/** Each injected at a user of its own, all of them looked at together, repaired together, and looked at again. */
describe("what is done to rows behind the service's back is found, repaired, and gone the second time", () => {
  const users = new Map<string, string>();
  const states = new Map<string, unknown[]>();
  const found: Map<string, string[]>[] = [];
  beforeAll(async () => {
    await Promise.all(
      INJECTIONS.map(async ([what, sql]) => {
        const userId = await subscriber();
        users.set(what, userId);
        const intact = await stateOf(userId);
        await execute(sql, [userId]);
        states.set(what, [intact, await stateOf(userId)]);
      }),
    );
    for (const repair of [false, true, false]) {
      found.push(await report(repair));
      for (const [what, userId] of users) states.get(what)?.push(await stateOf(userId));
    }
  }, 120_000);

  test.each(INJECTIONS)("%s", async (what, _sql, classes) => {
    const userId = users.get(what) as string;
    const [intact, broken, looked, repaired, again] = states.get(what) ?? [];
    const [first, second, third] = found.map((byUser) => byUser.get(userId) ?? []);
    expect(first).toEqual(expect.arrayContaining(classes.map((name) => `${name} drift`)));
    expect(first?.filter((name) => !name.endsWith(" drift"))).toEqual([]);
    expect(looked).toEqual(broken);
    expect(second).toEqual(first?.map((name) => name.replace(/drift$/, "repaired")));
    expect(repaired).toEqual(intact);
    expect([third, again]).toEqual([[], intact]);
    const [entry] = await execute<{ reason: string }>(
      "select reason from audit_log where user_id = ? and action = 'repaired' and actor = 'operator:test'",
      [userId],
    );
    expect(entry?.reason).toMatch(/^reconciliation [0-9a-f-]{36}: (missing|changed|extra)$/);
  });
});

/** What a comparison of everything finds, by user. */
async function report(repair: boolean): Promise<Map<string, string[]>> {
  const request = { askedBy: "operator:test", repair, settleMs: 0 };
  const { id } = await service.app.parts.reconciliation.reconcile(request);
  const rows = await execute<{ user_id: string; found: string[] }>(
    `select user_id, array_agg(distinct table_name || ' ' || kind || ' ' || state) as found
     from reconciliation_drift where report_id = ? group by user_id`,
    [id],
  );
  return new Map(rows.map(({ user_id, found }) => [user_id, [...found].sort()]));
}
