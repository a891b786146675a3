import { execFileSync } from "node:child_process";
import { armCrashPoints } from "../../src/crash-points.ts";
import { planId } from "../support/checkout.ts";
import { type Learner, newLearner } from "../support/learner.ts";
import { type Answer, eventually, newUser, startService, type TestService } from "../support/service.ts";
import { setFaults, stripeOf } from "../support/stripe.ts";

// The same key gives the first answer, also when the first call never had one.
let service: TestService;
let ada: Learner;
beforeAll(async () => {
  service = await startService();
});
beforeEach(async () => {
  ada = await newLearner(service);
});
afterAll(() => service.stop());

const addCard = async (card: string, setDefault = true) =>
  (
    await ada.ask(
      "mutation ($card: String!, $isDefault: Boolean!) { addPaymentMethod(input: { stripePaymentMethodId: $card, setDefault: $isDefault }) { id } }",
      { card, isDefault: setDefault },
    )
  ).data.addPaymentMethod.id as string;
const code = ({ errors }: Answer) => errors?.[0]?.extensions.code;
const unsettled = () =>
  service.app.parts.orm.em
    .fork()
    .execute<unknown[]>(
      "select 1 from intents where user_id = ? and settled_at is null and state <> 'FAILED'",
      [ada.userId],
    );

/** Calls while Stripe does what it is asked and does not say so; then once more, when a job has found out. */
async function calledTwice(path: string, call: () => Promise<Answer>, method = "POST"): Promise<Answer> {
  await setFaults(service, { calls: [{ method, path, times: 12, status: "reset", when: "after" }] });
  const first = await call();
  await setFaults(service, { reset: true });
  expect(first.errors?.[0]?.extensions).toMatchObject({ code: "PROVIDER_UNAVAILABLE", retryable: true });
  await eventually(unsettled, (rows) => rows.length === 0);
  return call();
}

test("a subscription is made once, and is the answer", async () => {
  await addCard("pm_card_visa");
  const input = { planId: await planId(service), idempotencyKey: "k" };
  const create =
    "mutation ($input: CreateSubscriptionInput!) { createSubscription(input: $input) { subscription { status } } }";
  const answer = await calledTwice("/v1/subscriptions", () => ada.ask(create, { input }));
  expect(answer.data?.createSubscription.subscription.status).toBe("ACTIVE");
  expect(await ada.invoices()).toHaveLength(1);
  expect(code(await ada.ask(create, { input: { ...input, quantity: 2 } }))).toBe("CONFLICT");
});

test("a call that was held up until another had its key begins nothing, and leaves the key to it", async () => {
  await addCard("pm_card_visa");
  const takenOver =
    "update idempotency_keys set lease_until = now() + interval '1 minute' where caller_id = $1";
  const takeOver = `const { Client } = require("pg"); const client = new Client(process.env.DATABASE_URL);
    client.connect().then(() => client.query(${JSON.stringify(takenOver)}, [process.argv[1]])).then(() => client.end())`;
  armCrashPoints((point) => {
    if (point !== "key-claimed") return;
    armCrashPoints();
    execFileSync(process.execPath, ["-e", takeOver, `user:${ada.userId}`], {
      env: { ...process.env, ...service.env },
    });
  });
  const input = { planId: await planId(service), idempotencyKey: "k" };
  const answer = await ada.ask(
    "mutation ($input: CreateSubscriptionInput!) { createSubscription(input: $input) { clientSecret } }",
    { input },
  );
  expect(answer.errors?.[0]?.extensions).toMatchObject({ code: "CONFLICT", retryable: true });
  const rows = (sql: string, id: string) =>
    service.app.parts.orm.em.fork().execute<unknown[]>(`select 1 from ${sql}`, [id]);
  expect(await rows("intents where user_id = ? and kind = 'create-subscription'", ada.userId)).toEqual([]);
  expect(await rows("idempotency_keys where caller_id = ?", `user:${ada.userId}`)).toHaveLength(1);
});

test("a plan is changed once, and the change is the answer", async () => {
  await ada.subscribe();
  const answer = await calledTwice("/v1/subscriptions/*", () =>
    ada.changePlan("Enterprise", { idempotencyKey: "k" }),
  );
  expect(answer.data?.changePlan.subscription.plan.name).toBe("Enterprise");
  expect(await ada.invoices()).toHaveLength(2);
});

test("what was ended at once is the answer, and no refusal to end it again", async () => {
  const id = await ada.subscribe();
  const answer = await calledTwice(
    "/v1/subscriptions/*",
    () => ada.cancel({ id, atPeriodEnd: false, idempotencyKey: "k" }),
    "DELETE",
  );
  expect(answer.data?.cancelSubscription.status).toBe("CANCELED");
});

test("a card is removed once, and that is the answer", async () => {
  await addCard("pm_card_visa");
  const id = await addCard("pm_card_mastercard", false);
  const remove = 'mutation ($id: ID!) { removePaymentMethod(id: $id, idempotencyKey: "k") }';
  const answer = await calledTwice("/v1/payment_methods/*", () => ada.ask(remove, { id }));
  expect(answer.data?.removePaymentMethod).toBe(true);
});

test("money goes back once", async () => {
  await ada.subscribe();
  const { data } = await eventually(
    () => ada.ask("{ payments { nodes { id status } } }"),
    (answer) => answer.data.payments.nodes[0]?.status === "SUCCEEDED",
  );
  const admin = await service.token(newUser(), "admin");
  const input = { paymentId: data.payments.nodes[0].id, amount: 1_000, idempotencyKey: "k" };
  const refund =
    "mutation ($input: RefundPaymentInput!) { refundPayment(input: $input) { amountRefunded { amount } } }";
  const answer = await calledTwice("/v1/refunds", () => service.ask(refund, { input }, admin));
  expect(answer.data?.refundPayment.amountRefunded.amount).toBe(1_000);
  const { customer } = await ada.remote();
  const [charge] = (await stripeOf(service).charges.list({ customer: String(customer) })).data;
  expect(charge?.amount_refunded).toBe(1_000);
});

test("of a call that died in the middle the next one with its key gives the answer", async () => {
  await ada.subscribe();
  const first = await ada.changePlan("Enterprise", { idempotencyKey: "k" });
  // as a kill -9 leaves it: the change is made, the key has no answer
  await service.app.parts.orm.em
    .fork()
    .execute(
      "update idempotency_keys set reference = null, lease_until = now() - interval '1 second' where caller_id = ?",
      [`user:${ada.userId}`],
    );
  expect(await ada.changePlan("Enterprise", { idempotencyKey: "k" })).toEqual(first);
  expect(await ada.invoices()).toHaveLength(2);
});
