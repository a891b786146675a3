import { armCrashPoints } from "../../src/crash-points.ts";
import { newBuyer, newCourse, putOnSale } from "../support/buyer.ts";
import { type Learner, newLearner } from "../support/learner.ts";
import { eventually, newUser, startReplica, startService, type TestService } from "../support/service.ts";
import { setFaults, stripeOf } from "../support/stripe.ts";

let service: TestService;
let admin: string;
let ada: Learner;
let paymentId: string;
beforeAll(async () => {
  service = await startService();
  admin = await service.token(newUser(), "admin");
});
beforeEach(async () => {
  ada = await newLearner(service);
  await ada.subscribe();
  const { data } = await eventually(
    () => ada.ask("{ payments { nodes { id status } } }"),
    (answer) => answer.data.payments.nodes[0]?.status === "SUCCEEDED",
  );
  paymentId = data.payments.nodes[0].id;
});
afterAll(() => service.stop());

const REFUND = `mutation ($input: RefundPaymentInput!) {
  refundPayment(input: $input) { id status amount { amount } amountRefunded { amount } }
}`;
const refund = (more: object = {}, at: Pick<TestService, "ask"> = service) =>
  at.ask(REFUND, { input: { paymentId, ...more } }, admin);
const code = ({ errors }: Awaited<ReturnType<typeof refund>>) => errors?.[0]?.extensions.code;
const refundsAtStripe = async () => {
  const { customer } = await ada.remote();
  const [charge] = (await stripeOf(service).charges.list({ customer: String(customer) })).data;
  return (await stripeOf(service).refunds.list({ charge: charge!.id })).data.map(({ amount }) => amount);
};

test("in part, in part again, then the rest, and then nothing is left", async () => {
  const first = await refund({ amount: 900, reason: "REQUESTED_BY_CUSTOMER" });
  expect(first.data.refundPayment).toMatchObject({
    status: "PARTIALLY_REFUNDED",
    amountRefunded: { amount: 900 },
  });
  await refund({ amount: 900 });
  const rest = await refund();
  expect(rest.data.refundPayment).toMatchObject({ status: "REFUNDED", amountRefunded: { amount: 3_900 } });
  expect(await refundsAtStripe()).toEqual([2_100, 900, 900]);
  expect(code(await refund())).toBe("REFUND_NOT_ALLOWED");
  expect(code(await refund({ amount: 1 }))).toBe("REFUND_NOT_ALLOWED");
  // refunding does not end a subscription
  expect(await ada.may()).toBe(true);
  const [entry] = await service.app.parts.orm.em
    .fork()
    .execute<{ actor: string; after: object }[]>(
      "select actor, after from audit_log where action = 'refundPayment' and row_id = ? order by at limit 1",
      [paymentId],
    );
  expect(entry).toMatchObject({ actor: expect.stringMatching(/^admin:/), after: { amount: 900 } });
});

test("two admins at once, on two replicas, never give back more than was paid", async () => {
  const replica = await startReplica(service);
  const answers = await Promise.all([
    refund({ amount: 2_500 }),
    refund({ amount: 2_500 }, replica),
    refund({ amount: 1_000 }),
    refund({ amount: 1_000 }, replica),
  ]);
  await replica.app.stop();
  const given = await refundsAtStripe();
  expect(given.reduce((sum, amount) => sum + amount, 0)).toBeLessThanOrEqual(3_900);
  expect(given.length).toBe(answers.filter(({ errors }) => !errors).length);
  for (const answer of answers) expect([undefined, "REFUND_NOT_ALLOWED", "CONFLICT"]).toContain(code(answer));
});

test("a refund whose answer never came is found out and made once", async () => {
  await setFaults(service, {
    calls: [{ method: "POST", path: "/v1/refunds", times: 9, status: "reset", when: "after" }],
  });
  const idempotencyKey = "refund-1";
  expect(code(await refund({ amount: 1_000, idempotencyKey }))).toBe("PROVIDER_UNAVAILABLE");
  await setFaults(service, { reset: true });
  await eventually(
    () => ada.ask("{ payments { nodes { amountRefunded { amount } } } }"),
    ({ data }) => data.payments.nodes[0].amountRefunded.amount === 1_000,
  );
  expect(await refundsAtStripe()).toEqual([1_000]);
});

test.each([
  ["ticket-taken", "PROVIDER_UNAVAILABLE"],
  ["intent-followed", "SERVICE_UNAVAILABLE"],
] as const)(
  "a refund after which the database is away (%s) is the same one when it is asked for again",
  async (at, told) => {
    armCrashPoints((point) => {
      // also at jobs, which are tried again
      if (point !== at) return;
      throw Object.assign(new Error("the connection broke"), { code: "57P01" });
    });
    const input = { amount: 1_000, idempotencyKey: newUser() };
    expect(code(await refund(input))).toBe(told);
    armCrashPoints();
    const again = await refund(input);
    expect(again.data.refundPayment.amountRefunded).toEqual({ amount: 1_000 });
    expect(await refundsAtStripe()).toEqual([1_000]);
  },
);

test("what is wrong is refused with its code, and changes nothing", async () => {
  const declined = await newLearner(service);
  await declined.ask(
    `mutation { addPaymentMethod(input: { stripePaymentMethodId: "pm_card_chargeCustomerFail", setDefault: true }) { id } }`,
  );
  const { data } = await declined.ask("{ plans { id name } }");
  const plan = data.plans.find(({ name }: { name: string }) => name === "Premium").id;
  await declined.ask(
    `mutation ($plan: ID!) { createSubscription(input: { planId: $plan }) { clientSecret } }`,
    { plan },
  );
  const failed = await eventually(
    () => declined.ask("{ payments { nodes { id status } } }"),
    (answer) => answer.data.payments.nodes.length > 0,
  );
  const rows: [object, string][] = [
    [{ amount: 0 }, "BAD_USER_INPUT"],
    [{ amount: -1 }, "BAD_USER_INPUT"],
    [{ amount: 1.5 }, "BAD_USER_INPUT"],
    [{ amount: 1e9 }, "BAD_USER_INPUT"],
    [{ amount: 3_901 }, "REFUND_NOT_ALLOWED"],
    [{ paymentId: failed.data.payments.nodes[0].id }, "REFUND_NOT_ALLOWED"],
    [{ paymentId: "01890000-0000-7000-8000-000000000000" }, "NOT_FOUND"],
    [{ paymentId: "nonsense" }, "NOT_FOUND"],
    [{ reason: "BOREDOM" }, "BAD_USER_INPUT"],
    [{ access: "BURN" }, "BAD_USER_INPUT"],
  ];
  for (const [input, expected] of rows) expect([input, code(await refund(input))]).toEqual([input, expected]);
  expect(await refundsAtStripe()).toEqual([]);
});

test("what somebody has given back at Stripe a moment ago is not given back again, and said to be so", async () => {
  const deaf = await startService({ webhooks: false, env: { WORKER: "off" } });
  try {
    const learner = await newLearner(deaf);
    await learner.subscribe();
    const { data } = await learner.ask("{ payments { nodes { id } } }");
    const customer = String((await learner.remote()).customer);
    const [charge] = (await stripeOf(deaf).charges.list({ customer })).data;
    const ask = (input: object) =>
      deaf.ask(REFUND, { input: { paymentId: data.payments.nodes[0].id, ...input } }, admin);
    await stripeOf(deaf).refunds.create({ charge: charge!.id, amount: 3_000 });
    const tooMuch = await ask({ amount: 1_000 });
    expect(tooMuch.errors?.[0]).toMatchObject({
      ...{ message: expect.stringContaining("9.00 USD"), extensions: { code: "REFUND_NOT_ALLOWED" } },
    });
    await stripeOf(deaf).refunds.create({ charge: charge!.id });
    expect(code(await ask({}))).toBe("REFUND_NOT_ALLOWED");
    expect(code(await ask({}))).toBe("REFUND_NOT_ALLOWED");
  } finally {
    await deaf.stop();
  }
});

test("whether access is kept or revoked stands in the refund's metadata, and in its row after any later sync", async () => {
  // a subscription's payment opened nothing by itself: there is nothing to revoke
  const refused = await refund({ amount: 3, access: "REVOKE" });
  expect(refused.errors?.[0]?.extensions).toMatchObject({ code: "BAD_USER_INPUT", field: "input.access" });

  const course = newCourse();
  await putOnSale(service, course);
  const buyer = await newBuyer(service);
  const bought = (await buyer.pay(course)).data.createPurchase.purchase.payment.id;
  await refund({ paymentId: bought, amount: 1 });
  await refund({ paymentId: bought, amount: 2, access: "KEEP" });
  await refund({ paymentId: bought, amount: 4, access: "REVOKE" });
  const { em } = service.app.parts.orm;
  const rows = () =>
    em
      .fork()
      .execute<{ access: string | null; amount_minor: string; pi: string }[]>(
        "select access, amount_minor, stripe_payment_intent_id as pi from refunds where user_id = ? order by amount_minor",
        [buyer.userId],
      );
  const { pi } = (await rows())[0]!;
  const remote = (await stripeOf(service).refunds.list({ payment_intent: pi })).data;
  expect(remote.map(({ amount, metadata }) => [amount, metadata?.cmh_refunded_access])).toEqual([
    ...[
      [4, "REVOKE"],
      [2, "KEEP"],
      [1, undefined],
    ],
  ]);
  const shown = [
    { access: null, amount_minor: "1", pi },
    { access: "KEEP", amount_minor: "2", pi },
    { access: "REVOKE", amount_minor: "4", pi },
  ];
  expect(await rows()).toEqual(shown);
  await em.fork().execute("delete from refunds where user_id = ?", [buyer.userId]);
  await service.app.parts.sync.payment(pi);
  expect(await rows()).toEqual(shown);
});

test("while a payment is disputed its money is not given back a second time", async () => {
  const { customer } = await ada.remote();
  const [charge] = (await stripeOf(service).charges.list({ customer: String(customer) })).data;
  await fetch(`${service.sandbox.url}/sandbox/charges/${charge!.id}/dispute`, { method: "POST" });
  await eventually(
    () => ada.ask("{ payments { nodes { status } } }"),
    ({ data }) => data.payments.nodes[0].status === "DISPUTED",
  );
  expect(code(await refund())).toBe("REFUND_NOT_ALLOWED");
  expect(await refundsAtStripe()).toEqual([]);
});

test("admins see disputes by their deadline, and all that went back of a payment; its owner sees the refunds", async () => {
  const { customer } = await ada.remote();
  const stripe = stripeOf(service);
  const [charge] = (await stripe.charges.list({ customer: String(customer) })).data;
  await refund({ amount: 900, access: "KEEP" });
  const dispute = (inquiry: boolean) =>
    fetch(`${service.sandbox.url}/sandbox/charges/${charge!.id}/dispute`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ inquiry }),
    });
  await dispute(false);
  const FIELDS = `id status standing reason amount { amount currency } evidenceDueAt openedAt`;
  const PAYMENT = `query ($id: ID!) { payment(id: $id) { status amountRefunded { amount }
    refunds { id status access amount { amount currency } createdAt } disputes { ${FIELDS} } } }`;
  const seen = await eventually(
    () => service.ask(PAYMENT, { id: paymentId }, admin),
    ({ data }) => data.payment.disputes?.length === 1,
  );
  const [remote] = (await stripe.disputes.list({ charge: charge!.id })).data;
  const due = new Date(remote!.evidence_details.due_by! * 1_000).toISOString();
  expect(seen.data.payment).toMatchObject({
    ...{ status: "DISPUTED", amountRefunded: { amount: 900 } },
    refunds: [{ status: "SUCCEEDED", access: "KEEP", amount: { amount: 900, currency: "USD" } }],
    disputes: [{ status: "needs_response", standing: "OPEN", evidenceDueAt: due }],
  });
  // what the bank takes may be more than is left of it: nothing is below zero, and nothing can be given back
  expect(code(await refund())).toBe("REFUND_NOT_ALLOWED");

  const own = await ada.ask(PAYMENT, { id: paymentId });
  expect(own.data.payment.refunds).toHaveLength(1);
  expect(own.data.payment.disputes).toBeNull();
  expect(own.errors?.map(({ extensions }) => extensions.code)).toEqual(["FORBIDDEN"]);

  const list = async (args: string) =>
    (
      await service.ask(
        `{ disputes(${args}) { totalCount nodes { ${FIELDS} payment { id } } pageInfo { hasNextPage endCursor } } }`,
        {},
        admin,
      )
    ).data.disputes;
  const all: { id: string; evidenceDueAt: string | null }[] = [];
  for (let after = "", more = true; more; ) {
    const page = await list(`needsResponse: false, first: 1${after && `, after: "${after}"`}`);
    all.push(...page.nodes);
    ({ hasNextPage: more, endCursor: after } = page.pageInfo);
  }
  expect(all.length).toBe((await list("needsResponse: false")).totalCount);
  const deadlines = all.map(({ evidenceDueAt }) => evidenceDueAt ?? "infinity");
  expect(deadlines).toEqual([...deadlines].sort());
  const mine = seen.data.payment.disputes[0];
  expect((await list("first: 100")).nodes).toContainEqual({ ...mine, payment: { id: paymentId } });
  await fetch(`${service.sandbox.url}/sandbox/disputes/${remote!.id}/close`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ outcome: "won" }),
  });
  await eventually(
    () => list("first: 100"),
    ({ nodes }) => !nodes.some(({ id }: { id: string }) => id === mine.id),
  );
  // won: what is left can be given back
  expect((await refund()).data.refundPayment.status).toBe("REFUNDED");
  for (const asked of ["first: 0", 'after: "aW5maW5pdHk"', 'after: "MjAyNi0xMy0wMXxh"'])
    expect(
      (await service.ask(`{ disputes(${asked}) { totalCount } }`, {}, admin)).errors?.[0]?.extensions,
    ).toMatchObject({ code: "BAD_USER_INPUT", field: asked.split(":")[0] });
});
