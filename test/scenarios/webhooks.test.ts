import { gzipSync } from "node:zlib";
import { openCheckout, STATUS } from "../support/checkout.ts";
import { eventually, newUser, startReplica, startService, type TestService } from "../support/service.ts";
import { stripeOf } from "../support/stripe.ts";
import { deliver, eventOf, signatureOf } from "../support/webhook.ts";

let service: TestService;
beforeAll(async () => {
  service = await startService({ env: { STRIPE_WEBHOOK_SECRET: "whsec_new_one,whsec_test_of_the_suite" } });
});
afterAll(() => service.stop());

const execute = <T extends object>(sql: string, params: unknown[] = []) =>
  service.app.parts.orm.em.fork().execute<T[]>(sql, params);
const stored = async () =>
  Number((await execute<{ n: string }>("select count(*) as n from stripe_events"))[0]?.n);
const rowOf = async (id: string) =>
  (
    await execute<{ status: string; attempts: number }>(
      "select status, attempts from stripe_events where id = ?",
      [id],
    )
  )[0];

const nested = (depth: number) =>
  JSON.stringify(eventOf("customer.updated", { id: "cus_1" })).replace(
    '"data":',
    `"deep":${"[".repeat(depth)}${"]".repeat(depth)},"data":`,
  );

describe("what is not a signed event is refused and leaves nothing behind", () => {
  const body = JSON.stringify(eventOf("customer.updated", { id: "cus_1" }));
  const seconds = () => Math.floor(Date.now() / 1000);
  test.each<[string, string, string | null, string]>([
    ["no signature", body, null, "INVALID_SIGNATURE"],
    ["a signature of another secret", body, signatureOf(body, "whsec_of_someone_else"), "INVALID_SIGNATURE"],
    ["a signature of another body", body, signatureOf(`${body} `), "INVALID_SIGNATURE"],
    ["a signature that is no signature", body, "t=1,v1=abc", "INVALID_SIGNATURE"],
    ["a stale signature", body, signatureOf(body, undefined, seconds() - 301), "INVALID_SIGNATURE"],
    ["an unsigned body that is not JSON", "not json", null, "INVALID_SIGNATURE"],
    ["a signed body that is not JSON", "not json", signatureOf("not json"), "BAD_USER_INPUT"],
    ["signed JSON that is no event", "[1]", signatureOf("[1]"), "BAD_USER_INPUT"],
    ["a signed event without a type", '{"id":"evt_1"}', signatureOf('{"id":"evt_1"}'), "BAD_USER_INPUT"],
    ["an empty body", "", signatureOf(""), "BAD_USER_INPUT"],
    ...["evt_\u0000", "evt_\n", "evt_\ud800", ""].map((id): [string, string, string, string] => {
      const unusable = JSON.stringify({ ...eventOf("customer.updated", { id: "cus_1" }), id });
      return [
        `an event whose id is ${JSON.stringify(id)}`,
        unusable,
        signatureOf(unusable),
        "BAD_USER_INPUT",
      ];
    }),
    ...[nested(1_000), nested(100_000)].map((deep): [string, string, string, string] => [
      `an event nested ${deep.split("[").length} deep`,
      deep,
      signatureOf(deep),
      "BAD_USER_INPUT",
    ]),
  ])("%s", async (_name, sent, signature, code) => {
    const before = await stored();
    const response = await deliver(service, sent, signature);
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([400, code]);
    expect(await stored()).toBe(before);
  });

  test("a body of more than 1 MB is 413", async () => {
    const before = await stored();
    const large = JSON.stringify(eventOf("customer.updated", { id: "cus_1", filler: "x".repeat(1_100_000) }));
    expect((await deliver(service, large)).status).toBe(413);
    expect(await stored()).toBe(before);
  });
});

test("a delivery that is packed, or does not say how long it is, is taken like any other", async () => {
  for (const isPacked of [true, false]) {
    const event = eventOf("account.updated", { id: "acct_1" });
    const body = JSON.stringify(event);
    const response = await fetch(`${service.url}/webhooks/stripe`, {
      method: "POST",
      headers: { "stripe-signature": signatureOf(body), ...(isPacked && { "content-encoding": "gzip" }) },
      body: isPacked ? gzipSync(body) : new Blob([body]).stream(),
      duplex: "half",
    } as RequestInit);
    expect([response.status, await response.json()]).toEqual([200, { received: true }]);
    expect(await rowOf(event.id)).toEqual({ status: "ignored", attempts: 0 });
  }
});

test("while a secret is rolled, either verifies, on replicas that have both; then the old one is refused", async () => {
  const rolled = await startReplica(service, { STRIPE_WEBHOOK_SECRET: "whsec_new_one" });
  const answerOf = async (at: { url: string }, ...secrets: string[]) => {
    const body = JSON.stringify(eventOf("plan.created", { id: "plan_1" }));
    // Stripe signs with both for as long as they overlap
    const [first = "", ...others] = secrets.map((secret) => signatureOf(body, secret));
    const signature = [first, ...others.map((other) => other.replace(/^t=\d+,/, ""))].join();
    return (await deliver(at, body, signature)).status;
  };
  for (const secrets of [["whsec_new_one"], ["whsec_test_of_the_suite"]])
    expect(await answerOf(service, ...secrets)).toBe(200);
  expect(await answerOf(rolled, "whsec_new_one")).toBe(200);
  expect(await answerOf(rolled, "whsec_test_of_the_suite", "whsec_new_one")).toBe(200);
  expect(await answerOf(rolled, "whsec_test_of_the_suite")).toBe(400);
  await rolled.app.stop();
});

describe("what the service has no use for is acknowledged and stored as ignored", () => {
  test.each<[string, object]>([
    ["an unknown type", eventOf("made.up.event", { id: "mu_1" })],
    ["an event of the other mode", eventOf("customer.updated", { id: "cus_live" }, { livemode: true })],
    ["an upcoming invoice, which has no id", eventOf("invoice.updated", {})],
    ["an event of an old API version", eventOf("made.up", { id: "x" }, { api_version: "2015-10-16" })],
    [
      "a thin event",
      {
        id: "evt_thin_1",
        object: "v2.core.event",
        type: "v1.billing.meter.error_report_triggered",
        related_object: { id: "mtr_1", type: "billing.meter", url: "/v1/billing/meters/mtr_1" },
      },
    ],
  ])("%s", async (_name, event) => {
    expect((await deliver(service, JSON.stringify(event))).status).toBe(200);
    expect(await rowOf((event as { id: string }).id)).toMatchObject({ status: "ignored" });
  });

  test.each<[string, object]>([
    ["names no object", { related_object: null }],
    ["carries data of its own kind", { data: { developer_message_summary: "There is 1 invalid event" } }],
    ["carries data that is no object", { data: "none", related_object: "none" }],
    ["has a type that snapshots have, too", { type: "customer.updated", related_object: { id: "cus_1" } }],
    ["says which mode it is of", { livemode: false, data: { object: "none" } }],
    ["lies in an application's context", { context: "acct_1/acct_2", livemode: true }],
  ])("a thin event that %s", async (_name, more) => {
    const event = {
      ...{ id: `evt_thin_${Math.random()}`, object: "v2.core.event", created: "2026-11-25T12:00:00.000Z" },
      ...{ type: "v1.billing.meter.no_meter_found", ...more },
    };
    expect((await deliver(service, JSON.stringify(event))).status).toBe(200);
    expect((await deliver(service, JSON.stringify(event))).status).toBe(200);
    expect(await rowOf(event.id)).toEqual({ status: "ignored", attempts: 0 });
  });

  test("an event that does not say which mode it is of", async () => {
    const event = { ...eventOf("customer.updated", { id: "cus_1" }), livemode: undefined };
    expect((await deliver(service, JSON.stringify(event))).status).toBe(200);
    expect(await rowOf(event.id)).toMatchObject({ status: "ignored" });
  });

  test("a customer whose metadata names what cannot be a user", async () => {
    const { id } = await stripeOf(service).customers.create({ metadata: { cmh_user_id: "u".repeat(129) } });
    const rows = () =>
      execute<{ status: string }>("select status from stripe_events where object_id = ?", [id]);
    const events = await eventually(rows, (found) => found.some((row) => row.status !== "pending"));
    expect(events).toEqual([{ status: "ignored" }]);
  });

  test("everything that another application's customer does on the same account", async () => {
    const stripe = stripeOf(service);
    const customer = await stripe.customers.create({ email: "someone@elsewhere.example" });
    const method = await stripe.paymentMethods.attach("pm_card_createDispute", { customer: customer.id });
    const [price] = (await stripe.prices.list({ lookup_keys: ["premium_monthly"] })).data;
    const subscription = await stripe.subscriptions.create({
      ...{ customer: customer.id, items: [{ price: String(price?.id) }] },
      ...{ default_payment_method: method.id, metadata: { cmh_user_id: "forged" } },
    });
    const session = await stripe.checkout.sessions.create({
      ...{ mode: "payment", customer: customer.id, success_url: "https://elsewhere.example/" },
      line_items: [
        { quantity: 1, price_data: { currency: "usd", unit_amount: 500, product_data: { name: "Theirs" } } },
      ],
    });
    await service.pay(session.id);
    const [charge] = (await stripe.charges.list({ customer: customer.id, limit: 1 })).data;
    await stripe.refunds.create({ charge: String(charge?.id) });
    await stripe.subscriptions.cancel(subscription.id);
    const theirs = () =>
      execute<{ type: string; status: string }>(
        `select type, status from stripe_events
          where payload->'data'->'object'->>'customer' = ? or payload->'data'->'object'->>'id' = ?
             or payload->'data'->'object'->>'payment_intent' = ?`,
        [customer.id, customer.id, String(charge?.payment_intent)],
      );
    const events = await eventually(
      theirs,
      (found) =>
        ["customer.subscription.deleted", "checkout.session.completed", "refund.created"].every((type) =>
          found.some((event) => event.type === type),
        ) && found.every(({ status }) => status !== "pending"),
    );
    expect(events.filter(({ status }) => status !== "ignored")).toEqual([]);
    expect(new Set(events.map(({ type }) => type.split(".")[0]))).toEqual(
      new Set(["customer", "payment_method", "invoice", "payment_intent", "checkout", "charge", "refund"]),
    );
    for (const table of ["customers", "subscriptions", "invoices", "payments", "refunds", "disputes"])
      expect([table, await execute(`select 1 from ${table} where user_id = 'forged'`)]).toEqual([table, []]);
    expect(await execute("select 1 from checkout_sessions where id = ?", [session.id])).toEqual([]);
  });

  test("an object that Stripe does not have", async () => {
    const event = eventOf("customer.subscription.updated", { id: "sub_nowhere" });
    expect((await deliver(service, JSON.stringify(event))).status).toBe(200);
    await eventually(
      () => rowOf(event.id),
      (row) => row?.status === "ignored",
    );
  });

  test("a customer of another application on the same account", async () => {
    const response = await fetch(`${service.sandbox.url}/v1/customers`, {
      method: "POST",
      headers: { authorization: "Bearer sk_test_other" },
      body: new URLSearchParams({ email: "someone@elsewhere.example" }),
    });
    const { id } = (await response.json()) as { id: string };
    const rows = () =>
      execute<{ status: string }>("select status from stripe_events where object_id = ?", [id]);
    expect(await eventually(rows, (found) => found.some((row) => row.status !== "pending"))).toEqual([
      { status: "ignored" },
    ]);
    expect(await execute("select 1 from customers where stripe_customer_id = ?", [id])).toEqual([]);
  });
});

test("the same event twenty times at once has one effect", async () => {
  const userId = newUser();
  const token = await service.token(userId);
  const { data } = await openCheckout(service, token);
  await service.pay(data.createCheckoutSession.id);
  await eventually(
    () => service.ask(STATUS, {}, token),
    (answer) => answer.data.subscriptionStatus?.grantsAccess,
  );
  const [paid] = await eventually(
    () =>
      execute<{ payload: object; id: string }>(
        "select id, payload from stripe_events where type = 'payment_intent.succeeded' and status = 'done'",
      ),
    (rows) => rows.length > 0,
  );
  const before = await execute("select id from outbox where user_id = ? order by sequence", [userId]);
  const body = JSON.stringify({ ...paid?.payload, id: "evt_twenty_times" });
  const answers = await Promise.all(Array.from({ length: 20 }, () => deliver(service, body)));
  expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
  await eventually(
    () => rowOf("evt_twenty_times"),
    (row) => row?.status === "done",
  );
  expect(await execute("select 1 from stripe_events where id = 'evt_twenty_times'")).toHaveLength(1);
  expect(await execute("select id from outbox where user_id = ? order by sequence", [userId])).toEqual(
    before,
  );
  expect(await execute("select 1 from payments where user_id = ?", [userId])).toHaveLength(1);
});

test("an event whose work fails is tried again and holds up nobody else", async () => {
  const token = await service.token(newUser());
  const { data } = await openCheckout(service, token);
  const fault = {
    calls: [{ method: "GET", path: "/v1/customers/cus_poisoned", times: 2, status: 400, when: "before" }],
  };
  await fetch(`${service.sandbox.url}/sandbox/faults`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(fault),
  });
  const event = eventOf("customer.updated", { id: "cus_poisoned" });
  expect((await deliver(service, JSON.stringify(event))).status).toBe(200);
  await service.pay(data.createCheckoutSession.id);
  await eventually(
    () => service.ask(STATUS, {}, token),
    (answer) => answer.data.subscriptionStatus?.grantsAccess,
  );
  const done = await eventually(
    () => rowOf(event.id),
    (row) => row?.status === "ignored",
  );
  expect(done?.attempts).toBeGreaterThan(1);
});
