import { Sweep } from "../../src/jobs/sweep.ts";
import {
  CONFIRM,
  CREATE_CHECKOUT,
  checkoutInput,
  openCheckout,
  STATUS,
  subscribe,
} from "../support/checkout.ts";
import { newUser, startService, type TestService } from "../support/service.ts";
import { customerOf, stripeOf } from "../support/stripe.ts";

// Nobody may be shut out of the checkout for good: whatever held the slot, its end frees it, webhooks or not.
let service: TestService;
let userId: string;
let token: string;
beforeAll(async () => {
  service = await startService({ webhooks: false });
});
beforeEach(async () => {
  userId = newUser();
  token = await service.token(userId);
});
afterAll(() => service.stop());

const rows = <T>(sql: string, params: unknown[] = []) =>
  service.app.parts.orm.em.fork().execute<T[]>(sql, params);
const sessionOf = (answer: Awaited<ReturnType<typeof openCheckout>>) => answer.data.createCheckoutSession.id;

test("a page that was paid, its webhook lost, is not handed out again: the subscriber is told", async () => {
  const id = sessionOf(await openCheckout(service, token));
  await service.pay(id);
  const again = await openCheckout(service, token);
  expect(again.errors?.[0]?.extensions.code).toBe("ALREADY_SUBSCRIBED");
  const { data } = await service.ask(STATUS, {}, token);
  expect(data.subscriptionStatus).toMatchObject({ status: "ACTIVE", grantsAccess: true });
});

test("a page that lapsed, its webhook lost, gives way to a new one for equal input", async () => {
  const id = sessionOf(await openCheckout(service, token));
  await stripeOf(service).checkout.sessions.expire(id);
  expect(sessionOf(await openCheckout(service, token))).not.toBe(id);
});

test.each(["the session", "the subscription"])(
  "a subscription that had ended when %s was first seen leaves the checkout open",
  async (seen) => {
    const stripe = stripeOf(service);
    const id = sessionOf(await openCheckout(service, token));
    await service.pay(id);
    const { subscription } = await stripe.checkout.sessions.retrieve(id);
    await stripe.subscriptions.cancel(String(subscription));
    const { sync } = service.app.parts;
    if (seen === "the session") await service.ask(CONFIRM, { id }, token);
    else await sync.subscription(String(subscription));
    expect(sessionOf(await openCheckout(service, token))).not.toBe(id);
  },
);

test("a crash between Stripe's answer and our rows is made good by the sweep, and the page's end frees the slot", async () => {
  const id = sessionOf(await openCheckout(service, token));
  // as a kill -9 leaves it: the intent has succeeded, nothing has followed
  await rows("delete from checkout_sessions where id = ?", [id]);
  await rows("delete from sync_tickets where object_id = ?", [id]);
  await rows(
    `update subscription_slots set checkout_session_id = null,
       intent_id = (select id from intents where stripe_id = ?) where user_id = ?`,
    [id, userId],
  );
  await rows(
    "update intents set settled_at = null, next_try_at = now() - interval '1 minute' where stripe_id = ?",
    [id],
  );
  await stripeOf(service).checkout.sessions.expire(id);

  const { orm, workers, logger, outage } = service.app.parts;
  expect(await workers.intents.overdue(10)).toHaveLength(1);
  await new Sweep(orm.em, workers, logger, outage).once();
  const [intent] = await rows<{ id: string }>("select id from intents where stripe_id = ?", [id]);
  await workers.intents.carryThrough(String(intent?.id));
  expect(await rows("select 1 from subscription_slots where user_id = ?", [userId])).toEqual([]);
  expect(await workers.intents.overdue(10)).toEqual([]);
  expect(sessionOf(await openCheckout(service, token))).not.toBe(id);
});

test("a customer deleted at Stripe takes the subscription along, and may come back", async () => {
  const stripe = stripeOf(service);
  const { id } = await subscribe(service, token);
  const customer = await customerOf(service, userId);
  const [row] = await rows<{ stripe_subscription_id: string }>(
    "select stripe_subscription_id from subscriptions where id = ?",
    [id],
  );
  await stripe.customers.del(customer);
  const { sync } = service.app.parts;
  await sync.customer(customer);
  // a subscriber does not get another customer while the old subscription still looks live
  expect((await openCheckout(service, token)).errors?.[0]?.extensions.code).toBe("ALREADY_SUBSCRIBED");
  expect(await sync.subscription(String(row?.stripe_subscription_id))).toBe("applied");
  expect((await service.ask(STATUS, {}, token)).data.subscriptionStatus).toMatchObject({
    status: "CANCELED",
    grantsAccess: false,
  });
  expect(sessionOf(await openCheckout(service, token))).toBeTruthy();
  const replacement = await customerOf(service, userId);
  expect(replacement).not.toBe(customer);
  // what arrives late about the old customer's objects is still known to be this user's
  expect(await sync.subscription(String(row?.stripe_subscription_id))).toBe("applied");
});

test("a customer deleted at Stripe a moment ago is replaced in the same call, in two tabs by one", async () => {
  const { createCheckoutSession } = (await openCheckout(service, token)).data;
  const stripe = stripeOf(service);
  const customer = await customerOf(service, userId);
  await stripe.checkout.sessions.expire(createCheckoutSession.id);
  await stripe.customers.del(customer);
  const tabs = await Promise.all([openCheckout(service, token), openCheckout(service, token)]);
  expect(tabs.map(({ errors }) => errors)).toEqual([undefined, undefined]);
  const replacement = await customerOf(service, userId);
  expect(replacement).not.toBe(customer);
  const { data } = await stripe.customers.list({ limit: 100 });
  expect(data.filter(({ metadata }) => metadata.cmh_user_id === userId).map(({ id }) => id)).toEqual([
    replacement,
  ]);
});

test("what was paid just before a customer was deleted is the user's, though another customer stands in its place", async () => {
  const id = sessionOf(await openCheckout(service, token));
  await service.pay(id);
  const customer = await customerOf(service, userId);
  await stripeOf(service).customers.del(customer);
  await service.app.parts.sync.customer(customer);
  // the deleted customer says no longer whose it was, and nothing that it paid for is known here yet
  expect(sessionOf(await openCheckout(service, token))).toBeTruthy();
  expect(await customerOf(service, userId)).not.toBe(customer);
  expect(await rows("select status from subscriptions where user_id = ?", [userId])).toEqual([
    { status: "CANCELED" },
  ]);
  expect(await rows("select status from payments where user_id = ?", [userId])).toEqual([
    { status: "SUCCEEDED" },
  ]);
});

test("keys: a confirmation under another session's key is a conflict, a withdrawn plan keeps its first answer", async () => {
  const input = { ...(await checkoutInput(service)), idempotencyKey: "slots-1" };
  const first = await service.ask(CREATE_CHECKOUT, { input }, token);
  const em = service.app.parts.orm.em.fork();
  await em.execute("update subscription_plans set is_active = false where id = ?", [input.planId]);
  try {
    const again = await service.ask(CREATE_CHECKOUT, { input }, token);
    expect(again.data.createCheckoutSession).toEqual(first.data.createCheckoutSession);
  } finally {
    await em.execute("update subscription_plans set is_active = true where name = 'Premium'");
  }
  const confirm = (sessionId: string, idempotencyKey: string) =>
    service.ask(
      "mutation ($id: ID!, $key: String) { confirmCheckout(sessionId: $id, idempotencyKey: $key) { isPaid } }",
      { id: sessionId, key: idempotencyKey },
      token,
    );
  const id = sessionOf(first);
  expect((await confirm(id, "confirm-1")).data.confirmCheckout).toEqual({ isPaid: false });
  expect((await confirm(id, "confirm-1")).data.confirmCheckout).toEqual({ isPaid: false });
  const conflict = await confirm("cs_test_another", "confirm-1");
  expect(conflict.errors?.[0]?.extensions.code).toBe("CONFLICT");
  const bad = await confirm(id, "");
  expect(bad.errors?.[0]?.extensions).toMatchObject({ code: "BAD_USER_INPUT", field: "idempotencyKey" });
});

test("when Stripe has forgotten everything, the next call starts afresh", async () => {
  await openCheckout(service, token);
  await fetch(`${service.sandbox.url}/sandbox/state`, { method: "DELETE" });
  const { setupStripe } = await import("../../src/stripe/catalogue.ts");
  await setupStripe(service.config, { webhookUrl: `${service.url}/nowhere` });
  expect(sessionOf(await openCheckout(service, token))).toBeTruthy();
});
