import { faultsOf } from "../chaos/history.ts";
import { OPERATIONS } from "../chaos/operations/index.ts";
import { settle } from "../chaos/settling.ts";
import { type Learner, World } from "../chaos/world.ts";

// Random histories are worth what judges them: each row that is made wrong here has to be told of.

let world: World;
beforeAll(async () => {
  world = await World.open();
  await world.begin();
  const [learner] = world.learners;
  if (!learner) throw new Error("nobody is there");
  for (const verb of ["subscribe", "money is refunded", "a payment is disputed"]) {
    await OPERATIONS[verb]?.run(world, learner, { pick: 0, flag: true });
    await settle(world);
  }
});
afterAll(() => world.close());

test("nothing is said against a history after which all holds", async () => {
  expect(await faultsOf(world)).toEqual([]);
});

test.each([
  ["a customer's address", "customers", "set email = 'another@example.com'", /^customers cus_\S+: email is/],
  ["a method that is gone", "payment_methods", "delete", /^payment_methods pm_\S+ is not in the mirror/],
  [
    "a session's state",
    "checkout_sessions",
    "set status = 'open'",
    /^checkout_sessions cs_\S+: status is open/,
  ],
  [
    "a subscription's state",
    "subscriptions",
    "set status = 'PAST_DUE'",
    /^subscriptions sub_\S+: status is PAST_DUE/,
  ],
  ["a subscription that is gone", "subscriptions", "delete", /^subscriptions sub_\S+ is not in the mirror/],
  [
    "an invoice's amount",
    "invoices",
    "set total_minor = total_minor + 1",
    /^invoices in_\S+: total_minor is/,
  ],
  [
    "an invoice line's period",
    "invoice_lines",
    "set period_end = now()",
    /^invoice_lines il_\S+: period_end/,
  ],
  ["a link that is gone", "invoice_payments", "delete", /^invoice_payments inpay_\S+ is not in the mirror/],
  ["a payment's state", "payments", "set status = 'SUCCEEDED'", /^payments pi_\S+: status is SUCCEEDED/],
  [
    "money that nobody got",
    "payments",
    "set amount_refunded_minor = 0",
    /^USD: \d+ in our rows, \d+ at Stripe/,
  ],
  ["a charge that is gone", "charges", "delete", /^charges ch_\S+ is not in the mirror/],
  [
    "a refund that never was",
    "refunds",
    "set stripe_refund_id = 're_made_up'",
    /^refunds re_made_up is not at Stripe/,
  ],
  ["a dispute's state", "disputes", "set status = 'won'", /^disputes du?p?_\S+: status is won/],
  [
    "access for a month too long",
    "user_access",
    "set expires_at = expires_at + interval '30 days'",
    /^access by sub_\S+/,
  ],
  ["access that was taken", "user_access", "set revoked_at = now()", /^access by sub_\S+ .*: none, due/],
  [
    "a slot that an ended one holds",
    "subscription_slots",
    "set stripe_subscription_id = 'sub_ended'",
    /^the slot of .* is held by sub_ended/,
  ],
  ["an event that was never written", "outbox", "delete", /^sent, but not in the outbox/],
  [
    "an event that was never sent",
    "outbox",
    "set id = gen_random_uuid() where type = 'payment.succeeded' and",
    /^in the outbox, never sent: payment.succeeded/,
  ],
])("%s is told of", async (_what, table, change, fault) => {
  await world.rows(`create table kept as table ${table}`);
  try {
    const ours = table.startsWith("invoice_")
      ? "stripe_invoice_id in (select stripe_invoice_id from invoices where user_id = $1)"
      : "user_id = $1";
    const sql = change === "delete" ? `delete from ${table} where` : `update ${table} ${change}`;
    const where = change.endsWith(" and") || change === "delete" ? "" : "where";
    await world.rows(`${sql} ${where} ${ours}`, [world.learners[0]?.id]);
    expect(await faultsOf(world)).toContainEqual(expect.stringMatching(fault));
  } finally {
    await world.rows(`delete from ${table}`);
    await world.rows(`insert into ${table} select * from kept`);
    await world.rows("drop table kept");
  }
});

test("an event that nobody was sent is told of", async () => {
  const entries = await world.stream.xrange("payment-events", "-", "+");
  const lost = entries.find(([, fields]) => fields[1]?.includes("subscription.created"));
  await world.stream.xdel("payment-events", lost?.[0] as string);
  expect(await faultsOf(world)).toContainEqual(
    expect.stringMatching(/^nobody was told: subscription.created/),
  );
});

test("the service's own comparison says it too, and is asked", async () => {
  await world.rows("update subscriptions set quantity = 7 where user_id = $1", [world.learners[0]?.id]);
  const faults = await faultsOf(world);
  expect(faults).toContainEqual(expect.stringMatching(/^reconciliation: 1 subscriptions changed, drift/));
});

test("whoever was anonymised and is still to be found, or can still be charged, is told of", async () => {
  const gone = world.learners[1] as Learner;
  for (const verb of ["subscribe", "the learner is anonymised"]) {
    await OPERATIONS[verb]?.run(world, gone, { pick: 0, flag: true });
    await settle(world);
  }
  const before = await faultsOf(world);
  expect(before.filter((fault) => fault.includes("anonymised"))).toEqual([]);
  await world.webhooksArrive(false);
  await world.stripe.paymentMethods.attach("pm_card_visa", { customer: gone.had[0] as string });
  await world.rows("update customers set email = $1 where user_id like 'anonymized:%'", [gone.id]);
  const faults = await faultsOf(world);
  expect(faults).toContainEqual(
    expect.stringMatching(/^of .*, who was anonymised, there is customers.email/),
  );
  expect(faults).toContainEqual(expect.stringMatching(/^cus_\S+, whose .* was anonymised, has 1 methods/));
});
