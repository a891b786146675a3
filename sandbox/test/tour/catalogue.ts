import type Stripe from "stripe";
import type { TestSandbox } from "../support/sandbox.ts";

/** Products and prices. */
export async function catalogue({ stripe }: TestSandbox): Promise<void> {
  const product = await stripe.products.create({
    name: "Team",
    description: "For many",
    images: ["https://example.com/a.png"],
    default_price_data: { currency: "eur", unit_amount: 1000, recurring: { interval: "year" } },
    expand: ["default_price"],
  });
  await stripe.products.update(product.id, { name: "Teams", metadata: { plan: "team" }, active: true });
  await stripe.products.retrieve(product.id, { expand: ["default_price.product"] });
  await stripe.products.list({ active: true });
  const price = await stripe.prices.create({
    product_data: { name: "Cents" },
    currency: "usd",
    unit_amount_decimal: "0.5" as unknown as Stripe.Decimal,
    lookup_key: "cents",
  });
  await stripe.prices.update(price.id, { nickname: "half", active: false });
  await stripe.prices.retrieve(price.id, { expand: ["product"] });
  await stripe.prices.list({ lookup_keys: ["cents"], expand: ["data.product"] });
  const bare = await stripe.products.create({ name: "Bare" });
  await stripe.products.del(bare.id);
  await pricing({ stripe }, product.id);
}

/** Prices by tiers, in packages, in other currencies. */
async function pricing({ stripe }: Pick<TestSandbox, "stripe">, product: string): Promise<void> {
  const recurring = { interval: "month" } as const;
  await stripe.prices.create({
    product,
    currency: "usd",
    recurring,
    billing_scheme: "tiered",
    tiers_mode: "graduated",
    tiers: [
      { up_to: 10, unit_amount: 500, flat_amount: 100 },
      { up_to: "inf", unit_amount: 300 },
    ],
    expand: ["tiers", "currency_options"],
  });
  const packages = await stripe.prices.create({
    product,
    currency: "usd",
    recurring,
    unit_amount: 1000,
    transform_quantity: { divide_by: 10, round: "up" },
    currency_options: { eur: { unit_amount: 900, tax_behavior: "inclusive" } },
  });
  await stripe.prices.update(packages.id, {
    currency_options: { gbp: { unit_amount: 800 } },
    expand: ["currency_options"],
  });
}
