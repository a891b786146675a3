import { type Comparing, comparingIn } from "../support/comparing.ts";
import { startService, type TestService } from "../support/service.ts";

let service: TestService;
let comparing: Comparing;
beforeAll(async () => {
  // no webhook arrives and nothing works by itself: what differs stays
  service = await startService({ env: { WORKER: "off" }, webhooks: false });
  comparing = comparingIn(service);
});
afterAll(() => service.stop());

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
        const userId = await comparing.subscriber();
        users.set(what, userId);
        const intact = await comparing.stateOf(userId);
        await comparing.execute(sql, [userId]);
        states.set(what, [intact, await comparing.stateOf(userId)]);
      }),
    );
    for (const repair of [false, true, false]) {
      found.push(await report(repair));
      for (const [what, userId] of users) states.get(what)?.push(await comparing.stateOf(userId));
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
    const [entry] = await comparing.execute<{ reason: string }>(
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
  const rows = await comparing.execute<{ user_id: string; found: string[] }>(
    `select user_id, array_agg(distinct table_name || ' ' || kind || ' ' || state) as found
     from reconciliation_drift where report_id = ? group by user_id`,
    [id],
  );
  return new Map(rows.map(({ user_id, found }) => [user_id, [...found].sort()]));
}
