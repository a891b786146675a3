import {
  CREATE_CHECKOUT,
  checkoutInput,
  openCheckout,
  planId,
  STATUS,
  subscribe,
} from "../support/checkout.ts";
import { eventually, newUser, startService, type TestService } from "../support/service.ts";

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.stop());

const codeOf = (answer: { errors?: { extensions: { code: string } }[] }) =>
  answer.errors?.[0]?.extensions.code;
const atStripe = async (path: string) => {
  const response = await fetch(`${service.sandbox.url}${path}`, {
    headers: { authorization: "Bearer sk_test_suite" },
  });
  return (await response.json()) as { data: { id: string; status: string }[]; status: string };
};

test("equal input gets the open session again, other input replaces it", async () => {
  const token = await service.token(newUser());
  const first = (await openCheckout(service, token)).data.createCheckoutSession;
  expect((await openCheckout(service, token)).data.createCheckoutSession).toEqual(first);
  const annual = (await openCheckout(service, token, { planId: await planId(service, "Premium Annual") }))
    .data.createCheckoutSession;
  expect(annual.id).not.toBe(first.id);
  expect((await atStripe(`/v1/checkout/sessions/${first.id}`)).status).toBe("expired");
});

test("an expired session gives way to a new one", async () => {
  const token = await service.token(newUser());
  const first = (await openCheckout(service, token)).data.createCheckoutSession;
  await fetch(`${service.sandbox.url}/v1/checkout/sessions/${first.id}/expire`, {
    method: "POST",
    headers: { authorization: "Bearer sk_test_suite" },
  });
  const next = await eventually(
    () => openCheckout(service, token),
    ({ data }) => data?.createCheckoutSession.id !== first.id,
  );
  expect(next.data.createCheckoutSession.url).toContain("/c/pay/");
});

test("two tabs at once, with equal and with other input, leave one open session", async () => {
  const userId = newUser();
  const token = await service.token(userId);
  const other = { planId: await planId(service, "Premium Annual") };
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, index) => openCheckout(service, token, index % 2 ? other : {})),
  );
  for (const answer of answers)
    if (answer.errors)
      expect(answer.errors[0]?.extensions).toMatchObject({ code: "CONFLICT", retryable: true });
  const [customer] = await service.app.parts.orm.em
    .fork()
    .execute<{ stripe_customer_id: string }[]>("select stripe_customer_id from customers where user_id = ?", [
      userId,
    ]);
  const { data } = await atStripe(
    `/v1/checkout/sessions?customer=${customer?.stripe_customer_id}&status=open&limit=100`,
  );
  expect(data).toHaveLength(1);
});

test("fifty first calls of one user make one customer at Stripe and one session", async () => {
  const userId = newUser();
  const token = await service.token(userId);
  const answers = await Promise.all(Array.from({ length: 50 }, () => openCheckout(service, token)));
  expect(answers.flatMap(({ errors }) => errors ?? [])).toEqual([]);
  expect(new Set(answers.map(({ data }) => data.createCheckoutSession.id)).size).toBe(1);
  const { data } = await atStripe(`/v1/customers?email=${userId}%40example.com&limit=100`);
  expect(data).toHaveLength(1);
});

test("a subscriber is told to change the plan instead", async () => {
  const token = await service.token(newUser());
  await subscribe(service, token);
  expect(codeOf(await openCheckout(service, token))).toBe("ALREADY_SUBSCRIBED");
});

test("the same key and input gives the first answer, even when it is paid; other input is a conflict", async () => {
  const token = await service.token(newUser());
  const key = { idempotencyKey: "checkout-1" };
  const first = (await openCheckout(service, token, key)).data.createCheckoutSession;
  await service.pay(first.id);
  await eventually(
    () => service.ask(STATUS, {}, token),
    (answer) => answer.data.subscriptionStatus?.grantsAccess,
  );
  expect((await openCheckout(service, token, key)).data.createCheckoutSession).toEqual(first);
  expect(
    codeOf(await openCheckout(service, token, { ...key, cancelUrl: "https://learn.example.com/other" })),
  ).toBe("CONFLICT");
  const stranger = await service.token(newUser());
  expect((await openCheckout(service, stranger, key)).data.createCheckoutSession.id).not.toBe(first.id);
});

describe("each wrong input has its code, names its field, and changes nothing", () => {
  test.each<[string, object, string, string | undefined]>([
    ["a plan that is none", { planId: "01890000-0000-7000-8000-000000000000" }, "NOT_FOUND", undefined],
    ["a plan id that is no id", { planId: "premium" }, "BAD_USER_INPUT", "input.planId"],
    ["no seats", { quantity: 0 }, "BAD_USER_INPUT", "input.quantity"],
    ["negative seats", { quantity: -1 }, "BAD_USER_INPUT", "input.quantity"],
    ["two seats of a personal plan", { quantity: 2 }, "BAD_USER_INPUT", "input.quantity"],
    [
      "a return to another origin",
      { successUrl: "https://evil.example.com/" },
      "BAD_USER_INPUT",
      "input.successUrl",
    ],
    [
      "a cancel to another origin",
      { cancelUrl: "https://learn.example.com.evil.com/" },
      "BAD_USER_INPUT",
      "input.cancelUrl",
    ],
    ["a return by script", { successUrl: "javascript:alert(1)" }, "BAD_USER_INPUT", "input.successUrl"],
    [
      "an unencrypted return",
      { successUrl: "http://learn.example.com/" },
      "BAD_USER_INPUT",
      "input.successUrl",
    ],
    [
      "a return with a login in it",
      { successUrl: "https://a:b@learn.example.com/" },
      "BAD_USER_INPUT",
      "input.successUrl",
    ],
    ["an empty key", { idempotencyKey: "" }, "BAD_USER_INPUT", "input.idempotencyKey"],
    ["a key that is too long", { idempotencyKey: "k".repeat(256) }, "BAD_USER_INPUT", "input.idempotencyKey"],
  ])("%s", async (_name, more, code, field) => {
    const userId = newUser();
    const answer = await openCheckout(service, await service.token(userId), more);
    expect(answer.errors?.[0]?.extensions).toMatchObject({ code, ...(field && { field }) });
    const rows = await service.app.parts.orm.em
      .fork()
      .execute(
        "select 1 from intents where user_id = ? union all select 1 from subscription_slots where user_id = ?",
        [userId, userId],
      );
    expect(rows).toEqual([]);
  });

  test("Free, which is having no subscription", async () => {
    const answer = await openCheckout(service, await service.token(newUser()), {
      planId: await planId(service, "Free"),
    });
    expect(answer.errors?.[0]?.extensions).toMatchObject({ code: "BAD_USER_INPUT", field: "input.planId" });
  });

  test("a plan that is no longer sold", async () => {
    const em = service.app.parts.orm.em.fork();
    const [row] = await em.execute<{ id: string }[]>(
      `insert into subscription_plans (id, name, tier, amount_minor, currency, "interval", trial_days, features, is_active, stripe_price_id, created_at)
       select gen_random_uuid(), 'Premium of old', tier, 2900, currency, "interval", 0, features, false, 'price_of_old', now()
       from subscription_plans where name = 'Premium' returning id`,
    );
    const answer = await openCheckout(service, await service.token(newUser()), { planId: row?.id });
    expect(codeOf(answer)).toBe("PLAN_INACTIVE");
  });
});

test("seats are for teams: Enterprise takes a quantity", async () => {
  const token = await service.token(newUser());
  const input = { ...(await checkoutInput(service, "Enterprise")), quantity: 3 };
  const { data } = await service.ask(CREATE_CHECKOUT, { input }, token);
  expect(await (await fetch(data.createCheckoutSession.url)).text()).toContain("$297.00");
  await service.pay(data.createCheckoutSession.id);
  const { data: status } = await eventually(
    () => service.ask(STATUS, {}, token),
    (answer) => answer.data.subscriptionStatus?.grantsAccess,
  );
  expect(status.subscriptionStatus).toMatchObject({ quantity: 3, plan: { tier: "ENTERPRISE" } });
});

describe("when Stripe's answer is lost, the outcome is unknown and found out", () => {
  const faults = (body: object) =>
    fetch(`${service.sandbox.url}/sandbox/faults`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  afterEach(() => faults({ reset: true }));

  test.each(["before", "after"])("the connection is lost %s the effect", async (when) => {
    const token = await service.token(newUser());
    await faults({
      calls: [{ method: "POST", path: "/v1/checkout/sessions", status: "reset", when }],
    });
    const answer = await openCheckout(service, token);
    expect(answer.errors?.[0]?.extensions).toMatchObject({ code: "PROVIDER_UNAVAILABLE", retryable: true });
    await faults({ reset: true });
    const { data } = await eventually(
      () => openCheckout(service, token),
      ({ data }) => data?.createCheckoutSession,
    );
    const customers = await service.app.parts.orm.em
      .fork()
      .execute<{ params: { customer: string } }[]>("select params from intents where stripe_id = ?", [
        data.createCheckoutSession.id,
      ]);
    const open = await atStripe(`/v1/checkout/sessions?customer=${customers[0]?.params.customer}&limit=100`);
    expect(open.data.map(({ id }) => id)).toEqual([data.createCheckoutSession.id]);
  });
});
