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
    calls: [{ method: "POST", path: "/v1/refunds", times: 9, status: "timeout", when: "after" }],
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

test("whether access is kept or revoked stands in the refund's metadata, and in its row after any later sync", async () => {
  const { em } = service.app.parts.orm;
  const rows = () =>
    em
      .fork()
      .execute<{ access: string | null; amount_minor: string; pi: string }[]>(
        "select access, amount_minor, stripe_payment_intent_id as pi from refunds where user_id = ? order by amount_minor",
        [ada.userId],
      );
  await refund({ amount: 1 });
  await refund({ amount: 2, access: "KEEP" });
  // a subscription's payment opened nothing by itself: there is nothing to revoke
  const refused = await refund({ amount: 3, access: "REVOKE" });
  expect(refused.errors?.[0]?.extensions).toMatchObject({ code: "BAD_USER_INPUT", field: "input.access" });
  const { pi } = (await rows())[0]!;
  await em.fork().execute(
    `insert into purchases (id, user_id, resource_type, resource_id, amount_minor, currency, status,
       stripe_payment_intent_id, version, created_at)
     values (gen_random_uuid(), ?, 'COURSE', 'rust', 3900, 'USD', 'COMPLETED', ?, 1, now())`,
    [ada.userId, pi],
  );
  await refund({ amount: 4, access: "REVOKE" });
  const remote = (await stripeOf(service).refunds.list({ payment_intent: pi })).data;
  expect(remote.map(({ amount, metadata }) => [amount, metadata?.cmh_refunded_access])).toEqual([
    ...[
      [4, "REVOKE"],
      [2, "KEEP"],
      [1, undefined],
    ],
  ]);
  const shown = [
    { access: null, amount_minor: "1" },
    { access: "KEEP", amount_minor: "2" },
    { access: "REVOKE", amount_minor: "4" },
  ].map((row) => expect.objectContaining(row));
  expect(await rows()).toEqual(shown);
  await em.fork().execute("delete from refunds where user_id = ?", [ada.userId]);
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
