import type { TestSandbox } from "../support/sandbox.ts";

/** Coupons and promotion codes, and the discounts they become. */
export async function discounts({ stripe }: TestSandbox): Promise<void> {
  const product = await stripe.products.create({ name: "Discounted" });
  const coupon = await stripe.coupons.create({
    id: "TOUR",
    amount_off: 300,
    currency: "usd",
    currency_options: { eur: { amount_off: 250 } },
    applies_to: { products: [product.id] },
    duration: "repeating",
    duration_in_months: 3,
    max_redemptions: 10,
    name: "Tour",
    redeem_by: 4_000_000_000,
    metadata: { from: "tour" },
  });
  await stripe.coupons.update(coupon.id, {
    name: "Grand tour",
    currency_options: { chf: { amount_off: 1 } },
  });
  await stripe.coupons.retrieve(coupon.id, { expand: ["applies_to", "currency_options"] });
  await stripe.coupons.list({ limit: 3, expand: ["data.applies_to"] });
  const code = await stripe.promotionCodes.create({
    promotion: { type: "coupon", coupon: coupon.id },
    code: "Tour-2026",
    restrictions: {
      first_time_transaction: false,
      minimum_amount: 500,
      minimum_amount_currency: "usd",
      currency_options: { eur: { minimum_amount: 450 } },
    },
  });
  await stripe.promotionCodes.update(code.id, { metadata: { seen: "yes" } });
  await stripe.promotionCodes.retrieve(code.id, { expand: ["promotion.coupon"] });
  await stripe.promotionCodes.list({ code: "TOUR-2026", active: true });
  const customer = await stripe.customers.create({ email: "less@example.com" });
  const draft = await stripe.invoices.create({
    customer: customer.id,
    currency: "usd",
  });
  const price = await stripe.prices.create({ product: product.id, currency: "usd", unit_amount: 1999 });
  await stripe.invoiceItems.create({
    customer: customer.id,
    invoice: draft.id!,
    pricing: { price: price.id },
    discounts: [{ promotion_code: code.id }],
  });
  const half = await stripe.coupons.create({ percent_off: 50, duration: "once" });
  await stripe.invoices.update(draft.id!, { discounts: [{ coupon: half.id }] });
  await stripe.invoices.retrieve(draft.id!, {
    expand: ["discounts.source.coupon", "total_discount_amounts.discount", "lines.data.discounts"],
  });
  await stripe.coupons.del(half.id);
  await stripe.customers.deleteDiscount(customer.id).catch(() => {});
  await stripe.subscriptions.deleteDiscount("sub_none").catch(() => {});
}
