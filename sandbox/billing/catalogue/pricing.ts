import { invalidRequest } from "../../errors.ts";
import type { Kinds, PriceTerms } from "../../kinds.ts";
import { multiply } from "../../money.ts";
import type { Transaction } from "../../transaction.ts";

type Price = Kinds["price"];
type Tier = PriceTerms["tiers"][number];

/** What a price is in one currency. */
interface Terms {
  unit_amount_decimal: string | null;
  tiers: Tier[];
}

/** The price in its own currency or one of its `currency_options`; refused in any other. */
export function termsIn(tx: Transaction, price: Price, currency: string): Terms {
  const terms = tx.get("price_terms", price.id);
  if (currency === price.currency) {
    return { unit_amount_decimal: price.unit_amount_decimal, tiers: terms?.tiers ?? [] };
  }
  const option = terms?.currency_options[currency];
  if (option) return { unit_amount_decimal: option.unit_amount_decimal, tiers: option.tiers ?? [] };
  const own = [price.currency, ...Object.keys(terms?.currency_options ?? {})].map((code) => `\`${code}\``);
  throw invalidRequest(
    `The price specified only supports ${own.join(", ")}. This doesn't match the expected currency: \`${currency}\`.`,
  );
}

/** How lines and items of invoices name their price. */
export function pricingOf(tx: Transaction, price: Price, currency: string): Kinds["invoiceitem"]["pricing"] {
  return {
    price_details: { price: price.id, product: price.product },
    type: "price_details",
    unit_amount_decimal: termsIn(tx, price, currency).unit_amount_decimal,
  };
}

/**
 * What `quantity` of a price costs, in minor units: transformed, tiered and in the currency asked for.
 * https://docs.stripe.com/products-prices/pricing-models
 */
export function priceAmount(
  tx: Transaction,
  price: Price,
  quantity: number,
  currency = price.currency,
): number {
  const terms = termsIn(tx, price, currency);
  const units = transformed(price, quantity);
  if (price.billing_scheme === "per_unit") return multiply(terms.unit_amount_decimal ?? "0", units);
  return price.tiers_mode === "volume" ? volume(terms.tiers, units) : graduated(terms.tiers, units);
}

/** Packages: 1 to 10 pieces at a price for ten are one package when rounded up. */
function transformed({ transform_quantity: rule }: Price, quantity: number): number {
  if (!rule) return quantity;
  return rule.round === "up" ? Math.ceil(quantity / rule.divide_by) : Math.floor(quantity / rule.divide_by);
}

const costIn = (tier: Tier, units: number) =>
  multiply(tier.unit_amount_decimal ?? "0", units) + multiply(tier.flat_amount_decimal ?? "0", 1);

/** All units at the price of the tier that the last one falls into. */
function volume(tiers: Tier[], units: number): number {
  const tier = tiers.find(({ up_to }) => up_to === null || units <= up_to);
  return tier ? costIn(tier, units) : 0;
}

/** Each unit at the price of its own tier; a tier's flat amount is due once it is reached. */
function graduated(tiers: Tier[], units: number): number {
  let below = 0;
  let total = 0;
  for (const [at, tier] of tiers.entries()) {
    const inTier = Math.min(units, tier.up_to ?? Number.POSITIVE_INFINITY) - below;
    if (inTier <= 0 && at > 0) break;
    total += costIn(tier, inTier);
    below += inTier;
  }
  return total;
}
