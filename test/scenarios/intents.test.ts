import { execFileSync } from "node:child_process";
import { armCrashPoints } from "../../src/crash-points.ts";
import { openCheckout } from "../support/checkout.ts";
import { eventually, newUser, startService, type TestService } from "../support/service.ts";
import { customerOf, setFaults, stripeOf } from "../support/stripe.ts";

// Rules 4 and 5: every change at Stripe is an intent first, and an unknown outcome is found out, never guessed.
let service: TestService;
let userId: string;
let token: string;
beforeAll(async () => {
  // only callers carry intents here, so that each test says when
  service = await startService({ env: { WORKER: "off" } });
});
beforeEach(async () => {
  userId = newUser();
  token = await service.token(userId);
});
afterEach(() => setFaults(service, { reset: true }));
afterAll(() => service.stop());

const CREATIONS = [
  ["customer", "/v1/customers"],
  ["session", "/v1/checkout/sessions"],
] as const;
const intents = (kind: string) =>
  service.app.parts.orm.em
    .fork()
    .execute<{ id: string; state: string; attempt: number; stripe_id: string | null; error: unknown }[]>(
      "select id, state, attempt, stripe_id, error from intents where user_id = ? and kind like ? order by id",
      [userId, `create-%${kind}`],
    );
const advance = (seconds: number) =>
  fetch(`${service.sandbox.url}/sandbox/advance`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ seconds }),
  });
const A_DAY_LATER = 23.5 * 3600;
const clockFollows = async () => {
  const wanted = service.sandbox.now().getTime();
  while (service.app.parts.clock.now().getTime() < wanted - 5_000)
    await new Promise((resolve) => setTimeout(resolve, 5));
};

describe("an answer lost a day ago is looked for, never posted again", () => {
  test.each(CREATIONS)(
    "a %s that was made is found by the intent's id in its metadata",
    async (kind, path) => {
      await setFaults(service, { calls: [{ method: "POST", path, status: "reset", when: "after" }] });
      const lost = await openCheckout(service, token);
      expect(lost.errors?.[0]?.extensions.code).toBe("PROVIDER_UNAVAILABLE");
      expect(await intents(kind)).toMatchObject([{ state: "PENDING", stripe_id: null }]);
      await setFaults(service, { reset: true });
      await advance(A_DAY_LATER);
      await clockFollows();

      const { data } = await openCheckout(service, token);
      expect(data.createCheckoutSession.id).toBeTruthy();
      expect(await intents(kind)).toMatchObject([{ state: "SUCCEEDED", attempt: 1 }]);
      const stripe = stripeOf(service);
      const customers = await stripe.customers.list({ email: `${userId}@example.com` });
      expect(customers.data).toHaveLength(1);
      const sessions = await stripe.checkout.sessions.list({ customer: await customerOf(service, userId) });
      expect(sessions.data.map(({ id }) => id)).toEqual([data.createCheckoutSession.id]);
    },
  );

  test.each(CREATIONS)("a %s that was never made has failed, and is asked for anew", async (kind, path) => {
    await setFaults(service, { calls: [{ method: "POST", path, status: "reset", when: "before" }] });
    await openCheckout(service, token);
    await setFaults(service, { reset: true });
    await advance(A_DAY_LATER);
    await clockFollows();
    const { data } = await openCheckout(service, token);
    expect(data.createCheckoutSession.id).toBeTruthy();
    expect(await intents(kind)).toMatchObject([
      { state: "FAILED", error: { code: "intent_lapsed" } },
      { state: "SUCCEEDED" },
    ]);
  });
});

describe("a failure that Stripe keeps under the idempotency key is not asked for again and again", () => {
  test.each(CREATIONS)("a %s that was made all the same is found", async (kind, path) => {
    await setFaults(service, {
      calls: [{ method: "POST", path, times: 1, status: 500, when: "after", kept: true }],
    });
    const { data } = await openCheckout(service, token);
    expect(data.createCheckoutSession.id).toBeTruthy();
    expect(await intents(kind)).toMatchObject([{ state: "SUCCEEDED", attempt: 1 }]);
    const customers = await stripeOf(service).customers.list({ email: `${userId}@example.com` });
    expect(customers.data).toHaveLength(1);
  });

  test.each(CREATIONS)("a %s that was not made is asked for by a new attempt", async (kind, path) => {
    await setFaults(service, {
      calls: [{ method: "POST", path, times: 1, status: 500, when: "before", kept: true }],
    });
    const { data } = await openCheckout(service, token);
    expect(data.createCheckoutSession.id).toBeTruthy();
    expect(await intents(kind)).toMatchObject([{ state: "SUCCEEDED", attempt: 2 }]);
  });
});

test("a refusal by Stripe after the change was made does not undo that it was made", async () => {
  await openCheckout(service, token);
  await setFaults(service, {
    calls: [{ method: "GET", path: "/v1/checkout/sessions/*", status: 400, when: "before" }],
  });
  const other = await newToken();
  await openCheckout(service, other.token);
  userId = other.userId;
  expect(await intents("session")).toMatchObject([{ state: "SUCCEEDED" }]);
});

describe("a change that takes longer than its lease", () => {
  const lease = async () => {
    const [row] = await service.app.parts.orm.em.fork().execute<{ id: string; ends: number | null }[]>(
      `select id, extract(epoch from lease_until)::float8 as ends from intents
          where user_id = ? and kind = 'create-customer'`,
      [userId],
    );
    return row;
  };
  const isLeased = (row: Awaited<ReturnType<typeof lease>>) => typeof row?.ends === "number";

  test("keeps it while the work runs", async () => {
    // as a job has it, with more patience than a caller: two tries are never answered, the third is
    await setFaults(service, {
      calls: [{ method: "POST", path: "/v1/customers", times: 2, status: "timeout", when: "before" }],
    });
    const made = service.app.parts.intents.run({
      userId,
      kind: "create-customer",
      subject: userId,
      params: { email: `${userId}@example.com` },
    });
    const first = await eventually(lease, isLeased);
    await eventually(lease, (row) => Number(row?.ends) > Number(first?.ends) + 3);
    expect(await made).toMatch(/^cus_/);
  });

  test("and loses it before it was posted is not posted any more", async () => {
    const taken = `update intents set state = 'FAILED', tries = tries + 1, lease_until = null,
      error = '{"code": "USER_ANONYMIZED", "message": "by another"}' where user_id = '${userId}'`;
    const takeOver = `const { Client } = require("pg"); const client = new Client(process.env.DATABASE_URL);
      client.connect().then(() => client.query(process.argv[1])).then(() => client.end())`;
    armCrashPoints((point) => {
      if (point === "intent-leased")
        execFileSync(process.execPath, ["-e", takeOver, taken], { env: { ...process.env, ...service.env } });
    });
    const answer = await openCheckout(service, token);
    armCrashPoints();
    expect(answer).toMatchObject({ errors: [{ extensions: { code: "USER_ANONYMIZED" } }] });
    const customers = await stripeOf(service).customers.list({ email: `${userId}@example.com` });
    expect(customers.data).toEqual([]);
  });

  test("and loses it is made once, and what the slower one is told does not undo it", async () => {
    await setFaults(service, {
      calls: [
        { method: "POST", path: "/v1/customers", times: 1, status: 400, when: "before", delayMs: 1_500 },
      ],
    });
    const slow = openCheckout(service, token);
    const row = await eventually(lease, isLeased);
    // the fault is used up: the post is under way
    await eventually(
      async () => (await fetch(`${service.sandbox.url}/sandbox/faults`, { method: "POST" })).json(),
      ({ faults }) => faults.calls.length === 0,
    );
    await service.app.parts.orm.em
      .fork()
      .execute("update intents set lease_until = now() - interval '1 second' where id = ?", [row?.id]);
    // Stripe may tell the second that the first is still being worked on
    await openCheckout(service, token);
    const session = (await slow).data?.createCheckoutSession?.id;
    expect(session).toEqual(expect.any(String));
    expect((await openCheckout(service, token)).data.createCheckoutSession.id).toBe(session);
    expect(await intents("customer")).toMatchObject([{ state: "SUCCEEDED", error: null }]);
  });
});

async function newToken() {
  const id = newUser();
  return { userId: id, token: await service.token(id) };
}
