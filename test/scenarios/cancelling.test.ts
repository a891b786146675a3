import { planId } from "../support/checkout.ts";
import { type Learner, newLearner, passTime } from "../support/learner.ts";
import { newUser, startReplica, startService, type TestService } from "../support/service.ts";
import { setFaults, stripeOf } from "../support/stripe.ts";

let service: TestService;
let ada: Learner;
beforeAll(async () => {
  service = await startService();
});
beforeEach(async () => {
  ada = await newLearner(service);
});
afterAll(() => service.stop());

const code = ({ errors }: { errors?: { extensions: { code: string; field?: string } }[] }) =>
  errors?.[0]?.extensions;
const entries = (id: string) =>
  service.app.parts.orm.em
    .fork()
    .execute<{ actor: string; action: string; reason: string | null }[]>(
      "select actor, action, reason from audit_log where table_name = 'subscriptions' and row_id = ? order by at, id",
      [id],
    );

test("cancel, resume, cancel, and it ends with the period", async () => {
  const id = await ada.subscribe();
  const { data } = await ada.cancel({ reason: "Exams are over." });
  expect(data.cancelSubscription).toMatchObject({
    status: "ACTIVE",
    cancelAtPeriodEnd: true,
    grantsAccess: true,
    scheduledPlan: null,
  });
  expect((await ada.remote()).cancellation_details?.comment).toBe("Exams are over.");
  expect((await entries(id)).find(({ action }) => action === "cancelSubscription")).toEqual({
    ...{ actor: `user:${ada.userId}`, action: "cancelSubscription", reason: "Exams are over." },
  });
  expect((await ada.resume()).data.resumeSubscription.cancelAtPeriodEnd).toBe(false);
  await ada.passPeriod();
  await ada.until(({ status }) => status === "ACTIVE");
  expect(await ada.may()).toBe(true);
  await ada.cancel();
  await ada.passPeriod();
  await ada.until(({ status }) => status === "CANCELED");
  expect(await ada.may()).toBe(false);
  expect(code(await ada.resume())).toMatchObject({ code: "SUBSCRIPTION_NOT_ACTIVE" });
  expect(code(await ada.cancel())).toMatchObject({ code: "SUBSCRIPTION_NOT_ACTIVE" });
  expect(code(await ada.changePlan("Enterprise"))).toMatchObject({ code: "SUBSCRIPTION_NOT_ACTIVE" });
});

test("cancelled now it ends now, and nothing is given back unless staff asks for it", async () => {
  await ada.subscribe();
  expect(code(await ada.cancel({ atPeriodEnd: false, prorate: true }))).toMatchObject({ code: "FORBIDDEN" });
  expect(code(await ada.cancel({ prorate: true }))).toMatchObject({ code: "FORBIDDEN" });
  const { data } = await ada.cancel({ atPeriodEnd: false });
  expect(data.cancelSubscription).toMatchObject({ status: "CANCELED", grantsAccess: false });
  expect(data.cancelSubscription.endedAt).not.toBeNull();
  expect(await ada.may()).toBe(false);
  const stripe = stripeOf(service);
  const customer = String((await ada.remote()).customer);
  expect((await stripe.customers.retrieve(customer)) as object).toMatchObject({ balance: 0 });

  const bob = await newLearner(service);
  const id = await bob.subscribe();
  const admin = await service.token(newUser(), "admin");
  const ended = await service.ask(
    "mutation ($input: CancelSubscriptionInput!) { cancelSubscription(input: $input) { status } }",
    { input: { id, atPeriodEnd: false, prorate: true } },
    admin,
  );
  expect(ended.data.cancelSubscription.status).toBe("CANCELED");
  const theirs = (await stripe.customers.retrieve(String((await bob.remote()).customer))) as {
    balance: number;
  };
  expect(theirs.balance).toBeLessThan(-3_800);
});

test("an end that the portal scheduled by its date shows, and is taken back by a resume", async () => {
  await ada.subscribe();
  const stripe = stripeOf(service);
  const remote = await ada.remote();
  await stripe.subscriptions.update(remote.id, { cancel_at: remote.items.data[0]!.current_period_end });
  await ada.until(({ cancelAtPeriodEnd }) => cancelAtPeriodEnd);
  expect((await ada.cancel()).data.cancelSubscription.cancelAtPeriodEnd).toBe(true);
  expect((await ada.resume()).data.resumeSubscription.cancelAtPeriodEnd).toBe(false);
  expect(await ada.remote()).toMatchObject({ cancel_at: null, cancel_at_period_end: false });
});

test("what is wrong is refused with its own code, and changes nothing at Stripe either", async () => {
  const id = await ada.subscribe();
  const bob = await newLearner(service);
  const bobs = await bob.subscribe();
  const { orm } = service.app.parts;
  const [plan] = await orm.em.fork().execute<{ id: string }[]>(
    `insert into subscription_plans (id, name, tier, amount_minor, currency, "interval", trial_days, features,
         is_active, stripe_price_id, created_at)
       values (gen_random_uuid(), 'Gone', 'PREMIUM', 100, 'USD', 'MONTH', 0, '[]', false, 'price_gone', now())
       returning id`,
  );
  const before = JSON.stringify([await ada.remote(), await bob.remote()]);
  const change = (input: object) =>
    ada.ask("mutation ($input: ChangePlanInput!) { changePlan(input: $input) { subscription { id } } }", {
      input: { subscriptionId: id, ...input },
    });
  const enterprise = await planId(service, "Enterprise");
  const unknown = "01890000-0000-7000-8000-000000000000";
  const rows: [object, string, string?][] = [
    [{ planId: await planId(service) }, "BAD_USER_INPUT", "input.planId"],
    [{ planId: enterprise, quantity: 0 }, "BAD_USER_INPUT", "input.quantity"],
    [{ planId: enterprise, quantity: -1 }, "BAD_USER_INPUT", "input.quantity"],
    [{ planId: enterprise, quantity: 1_000_000_000 }, "BAD_USER_INPUT", "input.quantity"],
    [{ planId: await planId(service, "Premium Annual"), quantity: 2 }, "BAD_USER_INPUT", "input.quantity"],
    [{ planId: enterprise, prorationDate: "2020-01-01T00:00:00Z" }, "BAD_USER_INPUT", "input.prorationDate"],
    [{ planId: enterprise, prorationDate: "2060-01-01T00:00:00Z" }, "BAD_USER_INPUT", "input.prorationDate"],
    [{ planId: plan!.id }, "PLAN_INACTIVE"],
    [{ planId: unknown }, "NOT_FOUND"],
    [{ planId: "nonsense" }, "NOT_FOUND"],
    [{ planId: null }, "BAD_USER_INPUT"],
    [{ planId: enterprise, subscriptionId: null }, "BAD_USER_INPUT"],
    [{ planId: enterprise, subscriptionId: bobs }, "NOT_FOUND"],
    [{ planId: enterprise, subscriptionId: unknown }, "NOT_FOUND"],
    [{ planId: enterprise, subscriptionId: "nonsense" }, "NOT_FOUND"],
  ];
  for (const [input, expected, field] of rows)
    expect([input, code(await change(input))]).toEqual([
      input,
      expect.objectContaining({ code: expected, ...(field && { field }) }),
    ]);
  for (const other of [bobs, unknown, "nonsense"]) {
    expect(code(await ada.cancel({ id: other }))?.code).toBe("NOT_FOUND");
    const resume = "mutation ($id: ID!) { resumeSubscription(id: $id) { id } }";
    expect(code(await ada.ask(resume, { id: other }))?.code).toBe("NOT_FOUND");
    const preview =
      "query ($id: ID!, $plan: ID!) { previewPlanChange(subscriptionId: $id, planId: $plan) { effectiveAt } }";
    expect(code(await ada.ask(preview, { id: other, plan: enterprise }))?.code).toBe("NOT_FOUND");
  }
  expect(code(await ada.cancel({ reason: "x".repeat(501) }))).toMatchObject({ field: "input.reason" });
  expect(code(await ada.cancel({ atPeriodEnd: null }))?.code).toBe("BAD_USER_INPUT");
  expect(code(await ada.preview("Premium"))).toMatchObject({ code: "BAD_USER_INPUT", field: "planId" });
  expect(code(await ada.preview("Enterprise", 0))).toMatchObject({ field: "quantity" });
  expect(JSON.stringify([await ada.remote(), await bob.remote()])).toBe(before);
});

test("a preview that Stripe does not answer is an error, never 0", async () => {
  await ada.subscribe();
  await setFaults(service, {
    calls: [{ method: "POST", path: "/v1/invoices/create_preview", times: 9, status: 500, when: "before" }],
  });
  const { data, errors } = await ada.preview("Enterprise");
  await setFaults(service, { reset: true });
  expect(data).toBeNull();
  expect(errors?.[0]?.extensions).toMatchObject({ code: "PROVIDER_UNAVAILABLE", retryable: true });
});

test("two different changes at once from two replicas: one wins, the other sees it or is told to wait", async () => {
  const replica = await startReplica(service);
  for (let round = 0; round < 5; round++) {
    const bob = await newLearner(service);
    const id = await bob.subscribe();
    const change = `mutation ($input: ChangePlanInput!) { changePlan(input: $input) { subscription { plan { name } } } }`;
    const [up, end] = await Promise.all([
      service.ask(
        change,
        { input: { subscriptionId: id, planId: await planId(service, "Enterprise") } },
        bob.token,
      ),
      replica.ask(
        "mutation ($input: CancelSubscriptionInput!) { cancelSubscription(input: $input) { status plan { name } } }",
        { input: { id, atPeriodEnd: false } },
        bob.token,
      ),
    ]);
    const codes = [code(up)?.code, code(end)?.code];
    const remote = await bob.remote();
    if (!codes[0] && !codes[1]) expect(end.data.cancelSubscription.plan.name).toBe("Enterprise");
    else if (codes[0]) expect(["CONFLICT", "SUBSCRIPTION_NOT_ACTIVE"]).toContain(codes[0]);
    else expect(codes[1]).toBe("CONFLICT");
    expect(remote.status).toBe(codes[1] ? "active" : "canceled");
  }
  await replica.app.stop();
});

test("the answer already shows the new state, and so does the next query on another replica", async () => {
  const replica = await startReplica(service);
  const id = await ada.subscribe();
  await ada.changePlan("Enterprise");
  const seen = await replica.ask(
    "query ($id: ID!) { subscription(id: $id) { plan { name } } }",
    { id },
    ada.token,
  );
  expect(seen.data.subscription.plan.name).toBe("Enterprise");
  await ada.cancel();
  const later = await replica.ask("{ subscriptionStatus { cancelAtPeriodEnd } }", {}, ada.token);
  expect(later.data.subscriptionStatus.cancelAtPeriodEnd).toBe(true);
  await replica.app.stop();
});

test("a key gives the first answer again, also after months; with other input it is a conflict", async () => {
  await ada.subscribe();
  const idempotencyKey = "end-of-term";
  const first = await ada.cancel({ idempotencyKey });
  expect(await ada.cancel({ idempotencyKey })).toEqual(first);
  await passTime(service, 1);
  expect(code(await ada.cancel({ idempotencyKey, reason: "another" }))?.code).toBe("CONFLICT");
});

test("a change whose outcome is unknown is found out, and made once", async () => {
  await ada.subscribe();
  await setFaults(service, {
    calls: [{ method: "POST", path: "/v1/subscriptions/*", times: 9, status: "reset", when: "after" }],
  });
  const { errors } = await ada.changePlan("Enterprise");
  expect(errors?.[0]?.extensions).toMatchObject({ code: "PROVIDER_UNAVAILABLE", retryable: true });
  await setFaults(service, { reset: true });
  await ada.until(({ plan }) => plan.name === "Enterprise");
  expect(await ada.invoices()).toHaveLength(2);
});
