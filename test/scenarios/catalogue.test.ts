import type Stripe from "stripe";
import { setupStripe } from "../../src/stripe/catalogue.ts";
import { LISTENED_EVENTS } from "../../src/webhooks/event-table.ts";
import { STATUS, subscribe } from "../support/checkout.ts";
import { newUser, startService, type TestService } from "../support/service.ts";
import { stripeOf } from "../support/stripe.ts";

let service: TestService;
let stripe: Stripe;
let webhookUrl: string;
beforeEach(async () => {
  service = await startService();
  stripe = stripeOf(service);
  webhookUrl = `${service.url}/webhooks/stripe`;
});
afterEach(() => service.stop());

async function setUp(): Promise<string[]> {
  const lines: string[] = [];
  await setupStripe(service.config, { webhookUrl, log: (line) => lines.push(line) });
  return lines;
}

const atStripe = async () => ({
  products: (await stripe.products.list()).data.map(({ id }) => id),
  prices: (await stripe.prices.list()).data.map(({ id, lookup_key, unit_amount }) => [
    ...[id, lookup_key, unit_amount],
  ]),
  endpoints: (await stripe.webhookEndpoints.list()).data.map(({ id, status }) => [id, status]),
  portals: (await stripe.billingPortal.configurations.list()).data.map(({ id }) => id),
});
const plans = () =>
  service.app.parts.orm.em
    .fork()
    .execute<{ name: string; stripe_price_id: string; amount_minor: string; is_active: boolean }[]>(
      "select name, stripe_price_id, amount_minor, is_active from subscription_plans order by name, created_at",
    );

test("the first run makes what is needed, and twice is the same as once", async () => {
  const made = await atStripe();
  expect(made.prices.map(([, key, amount]) => [key, amount]).sort()).toEqual([
    ["enterprise_monthly", 9_900],
    ["premium_annual", 34_800],
    ["premium_monthly", 3_900],
  ]);
  const rows = await plans();
  const written = rows.map(({ stripe_price_id }) => stripe_price_id).filter(Boolean);
  expect(written.sort()).toEqual(made.prices.map(([id]) => id).sort());
  const [endpoint] = (await stripe.webhookEndpoints.list()).data;
  expect(endpoint).toMatchObject({ url: webhookUrl, api_version: "2026-10-28.endive", status: "enabled" });
  expect([...(endpoint?.enabled_events ?? [])].sort()).toEqual([...LISTENED_EVENTS].sort());

  const lines = await setUp();
  expect(await atStripe()).toEqual(made);
  expect(await plans()).toEqual(rows);
  expect(lines).toHaveLength(5);
  expect(lines.every((line) => line.endsWith("is in place"))).toBe(true);
});

test("what was changed behind its back is put right: a disabled endpoint, an open portal, an old API version", async () => {
  const [endpoint] = (await stripe.webhookEndpoints.list()).data;
  await stripe.webhookEndpoints.update(String(endpoint?.id), { disabled: true });
  const [portal] = (await stripe.billingPortal.configurations.list()).data;
  await stripe.billingPortal.configurations.update(String(portal?.id), {
    features: { subscription_cancel: { enabled: false } },
  });
  await setUp();
  expect(await stripe.webhookEndpoints.retrieve(String(endpoint?.id))).toMatchObject({ status: "enabled" });
  const repaired = await stripe.billingPortal.configurations.retrieve(String(portal?.id));
  expect(repaired.features.subscription_cancel).toMatchObject({ enabled: true, mode: "at_period_end" });

  await stripe.webhookEndpoints.del(String(endpoint?.id));
  const old = await stripe.webhookEndpoints.create({
    ...{ url: webhookUrl, enabled_events: ["*"], api_version: "2025-09-30.clover" },
  });
  const lines = await setUp();
  expect((await stripe.webhookEndpoints.retrieve(old.id)).status).toBe("disabled");
  expect(lines.join("\n")).toMatch(/STRIPE_WEBHOOK_SECRET, it is shown once: whsec_/);
  const open = (await stripe.webhookEndpoints.list()).data.filter(({ status }) => status === "enabled");
  expect(open.map(({ api_version }) => api_version)).toEqual(["2026-10-28.endive"]);
});

test("a changed price is a new plan for new learners; who has the old one keeps it, as Stripe charges it", async () => {
  const token = await service.token(newUser());
  await subscribe(service, token);
  const [old] = (await plans()).filter(({ name }) => name === "Premium");
  const em = service.app.parts.orm.em.fork();
  await em.execute("update subscription_plans set amount_minor = 4500 where name = 'Premium'");
  await setUp();

  const rows = (await plans()).filter(({ name }) => name === "Premium");
  expect(rows.map(({ amount_minor, is_active }) => [Number(amount_minor), is_active])).toEqual([
    [3_900, false],
    [4_500, true],
  ]);
  expect(rows[0]?.stripe_price_id).toBe(old?.stripe_price_id);
  const price = await stripe.prices.retrieve(String(rows[1]?.stripe_price_id));
  expect(price).toMatchObject({ unit_amount: 4_500, lookup_key: "premium_monthly" });
  const { data } = await service.ask(
    "{ plans { name price { amount } } subscriptionStatus { plan { name isActive price { amount } } } }",
    {},
    token,
  );
  expect(data.subscriptionStatus.plan).toEqual({
    name: "Premium",
    isActive: false,
    price: { amount: 3_900 },
  });
  expect(data.plans).toContainEqual({ name: "Premium", price: { amount: 4_500 } });
});

test("the statement that operators know still gives a plan its price, and nobody's subscription is lost by it", async () => {
  const token = await service.token(newUser());
  await subscribe(service, token);
  const product = await stripe.products.create({ name: "Premium of the dashboard" });
  const price = await stripe.prices.create({
    ...{ product: product.id, currency: "usd", unit_amount: 3_900, recurring: { interval: "month" } },
  });
  const em = service.app.parts.orm.em.fork();
  await em.execute("UPDATE subscription_plans SET stripe_price_id = ? WHERE name = 'Premium'", [price.id]);
  await setUp();
  expect((await service.ask(STATUS, {}, token)).data.subscriptionStatus.plan.name).toBe("Premium");
  const other = await service.token(newUser());
  await subscribe(service, other);
  expect((await service.ask(STATUS, {}, other)).data.subscriptionStatus.plan.name).toBe("Premium");
});
