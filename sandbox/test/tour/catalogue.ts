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
}
