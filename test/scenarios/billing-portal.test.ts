import type Stripe from "stripe";
import { COURSE_ACCESS, subscribe } from "../support/checkout.ts";
import { passTime } from "../support/learner.ts";
import { METHODS } from "../support/methods.ts";
import { eventually, newUser, startService, type TestService } from "../support/service.ts";
import { atSandbox, customerOf, setFaults, stripeOf } from "../support/stripe.ts";

const CREATE = `mutation ($url: String!, $key: String) {
  createBillingPortalSession(returnUrl: $url, idempotencyKey: $key) { url }
}`;
const HOME = "https://learn.example.com/account";
const STATE = `{ subscriptionStatus { status cancelAtPeriodEnd canceledAt endedAt grantsAccess currentPeriodEnd } }`;

let service: TestService;
let stripe: Stripe;
let userId: string;
let token: string;
beforeAll(async () => {
  service = await startService();
  stripe = stripeOf(service);
});
beforeEach(async () => {
  userId = newUser();
  token = await service.token(userId);
});
afterEach(() => setFaults(service, { reset: true }));
afterAll(() => service.stop());

const open = (url = HOME, key?: string, as = token) => service.ask(CREATE, { url, key }, as);
/** The session behind the page's address. */
const sessionOf = (url: string) => url.split("/").at(-1) as string;
const inPortal = async (act: string, body: object = {}) => {
  const { data } = await open();
  const session = sessionOf(data.createBillingPortalSession.url);
  await atSandbox(service, `portal/sessions/${session}/${act}`, body);
};
const state = async () => (await service.ask(STATE, {}, token)).data.subscriptionStatus;

test("somebody who never paid gets a portal of their own too, in which plans cannot be changed", async () => {
  const { data } = await open();
  const page = await fetch(data.createBillingPortalSession.url);
  expect(page.status).toBe(200);
  expect(await page.text()).toContain(HOME);
  expect(await customerOf(service, userId)).toMatch(/^cus_/);
  const requests = await fetch(`${service.sandbox.url}/sandbox/requests`).then((answer) => answer.json());
  const [made] = JSON.stringify(requests).match(/"configuration":"bpc_\w+"/) ?? [];
  const { data: configurations } = await stripe.billingPortal.configurations.list();
  const ours = configurations.find(({ metadata }) => metadata?.cmh_managed === "payment-service");
  expect(made).toBe(`"configuration":"${ours?.id}"`);
  expect(ours?.features.subscription_update.enabled).toBe(false);
});

test.each([
  "http://learn.example.com/account",
  "https://elsewhere.example.com/",
  "javascript:alert(1)",
  "not a url",
  `https://learn.example.com/${"a".repeat(2_000)}`,
])(
  "%.40s is no address to come back to: BAD_USER_INPUT at returnUrl, and no customer is made",
  async (url) => {
    const { errors } = await open(url);
    expect(errors?.[0]?.extensions).toEqual({ code: "BAD_USER_INPUT", field: "returnUrl" });
    const em = service.app.parts.orm.em.fork();
    expect(await em.execute("select 1 from customers where user_id = ?", [userId])).toEqual([]);
  },
);

test("the same key gives the same session, which is kept nowhere; another address is CONFLICT", async () => {
  const first = (await open(HOME, "k")).data.createBillingPortalSession.url;
  expect((await open(HOME, "k")).data.createBillingPortalSession.url).toBe(first);
  expect((await open(HOME, "other")).data.createBillingPortalSession.url).not.toBe(first);
  expect((await open(HOME)).data.createBillingPortalSession.url).not.toBe(first);
  expect((await open(`${HOME}/2`, "k")).errors?.[0]?.extensions.code).toBe("CONFLICT");
  // another caller's key of the same name is another key
  const other = await service.token(newUser());
  expect((await open(HOME, "k", other)).data.createBillingPortalSession.url).not.toBe(first);
  const [kept] = await service.app.parts.orm.em
    .fork()
    .execute<{ keys: string }[]>("select string_agg(k::text, '') as keys from idempotency_keys k");
  expect(kept?.keys).not.toContain(sessionOf(first));
});

test("a customer who was deleted at Stripe a moment ago gets another one", async () => {
  await open();
  const before = await customerOf(service, userId);
  await setFaults(service, { webhooks: { drop: 1 } });
  await stripe.customers.del(before);
  expect((await open()).data.createBillingPortalSession.url).toBeTruthy();
  expect(await customerOf(service, userId)).not.toBe(before);
});

test("cancelled in the portal: it ends with its period, and access with it; taken back, it renews", async () => {
  await subscribe(service, token);
  await inPortal("cancel", { feedback: "too_expensive" });
  const { data } = await stripe.subscriptions.list({ customer: await customerOf(service, userId) });
  // the portal's way: a date, and no flag
  expect(data[0]).toMatchObject({ cancel_at_period_end: false, cancel_at: expect.any(Number) });
  const ending = await eventually(state, ({ cancelAtPeriodEnd }) => cancelAtPeriodEnd);
  expect(ending).toMatchObject({ status: "ACTIVE", grantsAccess: true, canceledAt: expect.any(String) });
  await eventually(
    async () => (await service.ask(COURSE_ACCESS, {}, token)).data.accessTo.expiresAt,
    (expiresAt) => expiresAt === ending.currentPeriodEnd,
  );

  await inPortal("resume");
  await eventually(state, ({ cancelAtPeriodEnd }) => !cancelAtPeriodEnd);
  await inPortal("cancel");
  await eventually(state, ({ cancelAtPeriodEnd }) => cancelAtPeriodEnd);
  await passTime(service, 32);
  const ended = await eventually(state, ({ status }) => status === "CANCELED");
  expect(ended).toMatchObject({ grantsAccess: false, endedAt: expect.any(String) });
});

test("a card that is swapped in the portal is the default, and pays the next period", async () => {
  await subscribe(service, token);
  await inPortal("payment_method", { payment_method: "pm_card_mastercard" });
  await eventually(
    async () => (await service.ask(METHODS, {}, token)).data.paymentMethods,
    ([newest]) => newest?.brand === "mastercard" && newest.isDefault,
  );
  await passTime(service, 32);
  await eventually(
    async () =>
      (await service.ask("{ payments { nodes { status methodLabel } } }", {}, token)).data.payments.nodes,
    ([latest]) => latest?.methodLabel === "mastercard •••• 4444" && latest.status === "SUCCEEDED",
  );
});
