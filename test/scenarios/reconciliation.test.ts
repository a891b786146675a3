import { openCheckout, STATUS, subscribe } from "../support/checkout.ts";
import { runCommand } from "../support/command.ts";
import { type Comparing, comparingIn, NOTHING } from "../support/comparing.ts";
import { addCard } from "../support/methods.ts";
import { eventually, newUser, startService, type TestService } from "../support/service.ts";
import { customerOf, setFaults, stripeOf } from "../support/stripe.ts";
import { deliver, eventOf } from "../support/webhook.ts";

let service: TestService;
let comparing: Comparing;
beforeAll(async () => {
  // no webhook arrives and nothing works by itself: what differs stays
  service = await startService({ env: { WORKER: "off" }, webhooks: false });
  comparing = comparingIn(service);
});
afterEach(async () => {
  await setFaults(service, { reset: true });
  for (const userId of touched.splice(0)) await reconcile(true, userId);
});
afterAll(() => service.stop());

const execute: Comparing["execute"] = (sql, params) => comparing.execute(sql, params);
const reconcile: Comparing["reconcile"] = (repair, userId) => comparing.reconcile(repair, userId);

/** Users whose rows are brought in order again after each test. */
const touched: string[] = [];

async function subscriber(): Promise<string> {
  const userId = await comparing.subscriber();
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
  const before = await comparing.stateOf(userId);
  const counts = "select (select count(*) from outbox) as o, (select count(*) from audit_log) as a";
  const [told] = await execute(counts);
  expect(await reconcile()).toEqual(NOTHING);
  expect(await comparing.stateOf(userId)).toEqual(before);
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
    "/v1/charges",
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
