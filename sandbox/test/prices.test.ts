import type Stripe from "stripe";
import { BackOff } from "../back-off.ts";
import { priceAmount } from "../billing/catalogue/pricing.ts";
import { Clock } from "../clock.ts";
import type { Kinds, PriceTerms } from "../kinds.ts";
import { SearchLag } from "../search/lag.ts";
import { Store } from "../store.ts";
import { Transaction } from "../transaction.ts";
import { premium, type TestSandbox, testSandbox } from "./support/sandbox.ts";

let box: TestSandbox;
let product: string;
let meter: string;
beforeAll(async () => {
  box = await testSandbox();
  product = (await box.stripe.products.create({ name: "Tokens" })).id;
  const made = await box.stripe.billing.meters.create({
    display_name: "Tokens",
    event_name: "tokens",
    default_aggregation: { formula: "sum" },
  });
  meter = made.id;
});
afterAll(() => box.close());

const create = (params: object) =>
  box.stripe.prices.create({ product, currency: "usd", ...params } as Stripe.PriceCreateParams);

const metered = (extra: object = {}) => ({ interval: "month", usage_type: "metered", meter, ...extra });

const tiers = [
  { up_to: 10, unit_amount: 500 },
  { up_to: 20, unit_amount: 300, flat_amount: 100 },
  { up_to: "inf", unit_amount_decimal: "0.5" },
];

test("a metered price bills what its meter counts", async () => {
  const price = await create({ unit_amount: 2, recurring: metered() });
  expect(price.recurring).toMatchObject({ usage_type: "metered", meter, interval: "month" });
  const { data } = await box.stripe.prices.list({ recurring: { meter, usage_type: "metered" } });
  expect(data.map(({ id }) => id)).toEqual([price.id]);
});

test("currency options and tiers are shown only when asked for", async () => {
  const { id } = await create({
    unit_amount: 1000,
    currency_options: { eur: { unit_amount: 900, tax_behavior: "inclusive" } },
  });
  expect(await box.stripe.prices.retrieve(id)).not.toHaveProperty("currency_options");
  const shown = await box.stripe.prices.retrieve(id, { expand: ["currency_options"] });
  expect(shown.currency_options).toMatchObject({
    usd: { unit_amount: 1000 },
    eur: { unit_amount: 900, tax_behavior: "inclusive" },
  });

  const tiered = await create({ billing_scheme: "tiered", tiers_mode: "graduated", tiers });
  expect(tiered).not.toHaveProperty("tiers");
  expect(tiered).toMatchObject({ unit_amount: null, unit_amount_decimal: null });
  const { data } = await box.stripe.prices.list({ product, limit: 1, expand: ["data.tiers"] });
  expect(data[0]!.tiers!.map(({ up_to }) => up_to)).toEqual([10, 20, null]);
});

test("other currencies are added, changed and taken away by an update", async () => {
  const { id } = await create({ unit_amount: 1000, currency_options: { eur: { unit_amount: 900 } } });
  const currencies = async (change: Stripe.PriceUpdateParams["currency_options"]) => {
    const price = await box.stripe.prices.update(id, {
      currency_options: change!,
      expand: ["currency_options"],
    });
    return Object.entries(price.currency_options!).map(([code, option]) => [code, option.unit_amount]);
  };
  expect(await currencies({ gbp: { unit_amount: 800 }, eur: { unit_amount: 950 } })).toEqual([
    ["eur", 950],
    ["gbp", 800],
    ["usd", 1000],
  ]);
  expect(await currencies("")).toEqual([["usd", 1000]]);
});

test.each([
  ["usage without a meter", { unit_amount: 1, recurring: metered({ meter: undefined }) }, "recurring[meter]"],
  [
    "a meter without usage",
    () => ({ unit_amount: 1, recurring: metered({ usage_type: "licensed" }) }),
    "recurring[meter]",
  ],
  ["an unknown meter", { unit_amount: 1, recurring: metered({ meter: "mtr_none" }) }, "recurring[meter]"],
  [
    "more than three years",
    { unit_amount: 1, recurring: { interval: "month", interval_count: 37 } },
    "recurring[interval_count]",
  ],
  ["two amounts", { unit_amount: 1, unit_amount_decimal: "1" }, "unit_amount_decimal"],
  ["a negative amount", { unit_amount_decimal: "-0.5" }, "unit_amount_decimal"],
  ["no amount", {}, "unit_amount"],
  ["tiers of a flat price", { unit_amount: 1, tiers }, "tiers"],
  ["a tiered price without tiers", { billing_scheme: "tiered", tiers_mode: "volume" }, "tiers"],
  ["a tiered price without a mode", { billing_scheme: "tiered", tiers }, "tiers_mode"],
  [
    "tiers with an end",
    { billing_scheme: "tiered", tiers_mode: "volume", tiers: tiers.slice(0, 2) },
    "tiers",
  ],
  [
    "tiers out of order",
    { billing_scheme: "tiered", tiers_mode: "volume", tiers: [tiers[1], tiers[0], tiers[2]] },
    "tiers[1][up_to]",
  ],
  [
    "a tier that costs nothing said",
    { billing_scheme: "tiered", tiers_mode: "volume", tiers: [{ up_to: "inf" }] },
    "tiers[0]",
  ],
  [
    "packages of a tiered price",
    {
      billing_scheme: "tiered",
      tiers_mode: "volume",
      tiers,
      transform_quantity: { divide_by: 2, round: "up" },
    },
    "transform_quantity",
  ],
  [
    "the own currency as another",
    { unit_amount: 1, currency_options: { usd: { unit_amount: 1 } } },
    "currency_options[usd]",
  ],
  [
    "another currency without an amount",
    { unit_amount: 1, currency_options: { eur: { tax_behavior: "inclusive" } } },
    "currency_options[eur][unit_amount]",
  ],
])("%s is refused", async (_what, params, param) => {
  const before = (await box.stripe.prices.list({ limit: 100 })).data.length;
  await expect(create(typeof params === "function" ? params() : params)).rejects.toMatchObject({
    statusCode: 400,
    param,
  });
  expect((await box.stripe.prices.list({ limit: 100 })).data).toHaveLength(before);
});

test("an inactive meter cannot be attached to a price", async () => {
  const { id } = await box.stripe.billing.meters.create({
    display_name: "Old",
    event_name: "old",
    default_aggregation: { formula: "count" },
  });
  await box.stripe.billing.meters.deactivate(id);
  await expect(create({ unit_amount: 1, recurring: metered({ meter: id }) })).rejects.toMatchObject({
    param: "recurring[meter]",
  });
});

describe("a quantity costs", () => {
  const whole = { flat_amount: null, unit_amount: null };
  const stored: PriceTerms["tiers"] = [
    { ...whole, up_to: 10, unit_amount_decimal: "500", flat_amount_decimal: null },
    { ...whole, up_to: 20, unit_amount_decimal: "300", flat_amount_decimal: "100" },
    { ...whole, up_to: null, unit_amount_decimal: "0.5", flat_amount_decimal: null },
  ];
  const environment = { baseUrl: "", webhookSecrets: [], searchLag: new SearchLag(), backOff: new BackOff() };
  const cost = (price: Partial<Kinds["price"]>, quantity: number, currency = "usd") => {
    const tx = new Transaction(new Store(), new Clock(), environment, { id: null, idempotencyKey: null });
    const eur = { custom_unit_amount: null, tax_behavior: null, unit_amount: 9, unit_amount_decimal: "9" };
    tx.insert("price_terms", { id: "price_1", tiers: stored, currency_options: { eur } });
    const plain = { id: "price_1", currency: "usd", billing_scheme: "per_unit", transform_quantity: null };
    return priceAmount(tx, { ...plain, ...price } as Kinds["price"], quantity, currency);
  };

  test.each([
    [0, 0],
    [10, 5000],
    [11, 5400],
    [20, 8100],
    [23, 8102],
  ])("graduated, %i: each piece by its own tier, %i", (quantity, amount) => {
    expect(cost({ billing_scheme: "tiered", tiers_mode: "graduated" }, quantity)).toBe(amount);
  });

  test.each([
    [10, 5000],
    [11, 3400],
    [23, 12],
  ])("by volume, %i: all by the last one's tier, %i", (quantity, amount) => {
    expect(cost({ billing_scheme: "tiered", tiers_mode: "volume" }, quantity)).toBe(amount);
  });

  test("in packages, begun ones whole or not at all", () => {
    const price = { unit_amount_decimal: "700" };
    expect(cost({ ...price, transform_quantity: { divide_by: 10, round: "up" } }, 11)).toBe(1400);
    expect(cost({ ...price, transform_quantity: { divide_by: 10, round: "down" } }, 19)).toBe(700);
  });

  test("in another currency what was agreed there, and nothing in one that was not", () => {
    expect(cost({ unit_amount_decimal: "700" }, 2, "eur")).toBe(18);
    expect(() => cost({ unit_amount_decimal: "700" }, 2, "gbp")).toThrow("only supports `usd`, `eur`");
  });
});

test("a price that is described where it is used is not negative either", async () => {
  const { id: product } = await box.stripe.products.create({ name: "Plan" });
  const price_data = { currency: "usd", product, unit_amount_decimal: "-0.5" as never };
  await expect(
    box.stripe.checkout.sessions.create({
      mode: "payment",
      success_url: "http://shop.test/done",
      line_items: [{ quantity: 1, price_data }],
    }),
  ).rejects.toMatchObject({ param: "line_items[0][price_data][unit_amount_decimal]" });
  const { id: customer } = await box.stripe.customers.create();
  await expect(
    box.stripe.subscriptions.create({
      customer,
      items: [{ price_data: { ...price_data, recurring: { interval: "month" } } }],
    }),
  ).rejects.toMatchObject({ param: "items[0][price_data][unit_amount_decimal]" });
});

describe("lookup keys", () => {
  test("name one price, and move only when asked to", async () => {
    const price = await premium(box.stripe);
    await box.stripe.prices.update(price.id, { lookup_key: "premium_monthly" });
    const another = {
      product: String(price.product),
      currency: "usd",
      unit_amount: 4900,
      lookup_key: "premium_monthly",
    };
    await expect(box.stripe.prices.create(another)).rejects.toMatchObject({ param: "lookup_key" });
    const moved = await box.stripe.prices.create({ ...another, transfer_lookup_key: true });
    const { data } = await box.stripe.prices.list({ lookup_keys: ["premium_monthly"] });
    expect(data.map(({ id }) => id)).toEqual([moved.id]);
    expect((await box.stripe.prices.retrieve(price.id)).lookup_key).toBeNull();
  });
});
