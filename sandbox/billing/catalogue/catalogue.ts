import { invalidParameter, invalidRequest, paramIn } from "../../errors.ts";
import { newId } from "../../ids.ts";
import type { Kinds } from "../../kinds.ts";
import { withMetadata } from "../../metadata.ts";
import type { Transaction } from "../../transaction.ts";
import { assertScheme, currencyOptionsOf, type TermsInput, tiersOf, unitAmount } from "./price-terms.ts";

type Price = Kinds["price"];
type Product = Kinds["product"];

/** A new product with what is given and Stripe's defaults for the rest. */
export function createProduct(tx: Transaction, product: Partial<Product> & { name: string }): Product {
  const id = product.id ?? newId("prod");
  if (tx.get("product", id))
    throw invalidRequest("Product already exists.", { param: "id", code: "resource_already_exists" });
  const created = tx.insert("product", {
    object: "product",
    active: true,
    created: tx.now,
    default_price: null,
    description: null,
    images: [],
    livemode: false,
    marketing_features: [],
    metadata: {},
    package_dimensions: null,
    shippable: null,
    statement_descriptor: null,
    tax_code: null,
    tax_details: null,
    type: "service",
    unit_label: null,
    updated: tx.now,
    url: null,
    ...product,
    id,
  });
  tx.emit("product.created", created);
  return created;
}

interface RecurringInput {
  interval: "day" | "week" | "month" | "year";
  interval_count?: number | undefined;
  meter?: string | undefined;
  trial_period_days?: number | undefined;
  usage_type?: "licensed" | "metered" | undefined;
}

/** What a new price needs to be told. */
export interface PriceInput extends TermsInput {
  currency: string;
  recurring?: RecurringInput | undefined;
  tax_behavior?: Price["tax_behavior"];
  metadata?: Record<string, string> | null | undefined;
  active?: boolean | undefined;
  lookup_key?: string | null | undefined;
  nickname?: string | null | undefined;
}

/** Three years, whatever they are counted in. */
const MAX_INTERVALS = { day: 1095, week: 156, month: 36, year: 3 };

/** How often, and by what, a price bills. Metered prices bill what a meter has counted. */
function recurringOf(tx: Transaction, input: RecurringInput): NonNullable<Price["recurring"]> {
  const { interval, interval_count = 1, meter, usage_type = "licensed" } = input;
  if (interval_count > MAX_INTERVALS[interval]) {
    const message = `Invalid recurring interval_count: at most ${MAX_INTERVALS[interval]} for the interval ${interval}.`;
    throw invalidParameter("recurring[interval_count]", message);
  }
  if (usage_type === "metered" && !meter) {
    const message = "Metered prices must be backed by a meter: give its id as `recurring[meter]`.";
    throw invalidParameter("recurring[meter]", message, "parameter_missing");
  }
  if (meter) assertMeter(tx, meter, usage_type);
  return {
    interval,
    interval_count,
    meter: meter ?? null,
    trial_period_days: input.trial_period_days ?? null,
    usage_type,
  };
}

function assertMeter(tx: Transaction, id: string, usageType: string): void {
  if (usageType !== "metered") {
    throw invalidParameter("recurring[meter]", "`meter` can only be used with `usage_type=metered`.");
  }
  if (tx.need("billing.meter", id, "recurring[meter]").status === "active") return;
  throw invalidRequest("An inactive meter cannot be attached to a price.", { param: "recurring[meter]" });
}

/**
 * A new price of a product. https://docs.stripe.com/api/prices/create
 * @param param the parameter that describes it, where that is not the whole request
 */
export function createPrice(tx: Transaction, product: string, input: PriceInput, param = ""): Price {
  assertScheme(input);
  const billing_scheme = input.billing_scheme ?? "per_unit";
  const isTiered = billing_scheme === "tiered";
  const { currency } = input;
  const tiers = isTiered ? tiersOf(input.tiers, { currency, param: paramIn(param, "tiers") }) : [];
  const price = tx.insert("price", {
    id: newId("price"),
    object: "price",
    active: input.active ?? true,
    billing_scheme,
    created: tx.now,
    currency,
    custom_unit_amount: null,
    livemode: false,
    lookup_key: input.lookup_key ?? null,
    metadata: withMetadata({}, input.metadata),
    nickname: input.nickname ?? null,
    product,
    recurring: input.recurring ? recurringOf(tx, input.recurring) : null,
    tax_behavior: input.tax_behavior ?? "unspecified",
    tiers_mode: input.tiers_mode ?? null,
    transform_quantity: input.transform_quantity ?? null,
    type: input.recurring ? "recurring" : "one_time",
    ...(isTiered ? { unit_amount: null, unit_amount_decimal: null } : unitAmount(input, { currency, param })),
  });
  const currency_options = currencyOptionsOf(price, input.currency_options ?? {}, param);
  if (isTiered || input.currency_options) tx.insert("price_terms", { id: price.id, currency_options, tiers });
  tx.emit("price.created", price);
  return price;
}
