import { invalidParameter, invalidRequest } from "../errors.ts";
import { newId } from "../ids.ts";
import type { Kinds } from "../kinds.ts";
import { withMetadata } from "../metadata.ts";
import { plainDecimal } from "../money.ts";
import type { Transaction } from "../transaction.ts";

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

/** What a new price needs to be told. */
export interface PriceInput {
  currency: string;
  recurring?:
    | { interval: "day" | "week" | "month" | "year"; interval_count?: number; trial_period_days?: number }
    | undefined;
  unit_amount?: number | undefined;
  unit_amount_decimal?: string | undefined;
  tax_behavior?: Price["tax_behavior"];
  metadata?: Record<string, string> | null | undefined;
  active?: boolean | undefined;
  lookup_key?: string | null | undefined;
  nickname?: string | null | undefined;
}

/** Both ways to write the amount; whole minor units only where it has no fraction. */
function unitAmount(input: PriceInput): { unit_amount: number | null; unit_amount_decimal: string } {
  if (input.unit_amount !== undefined && input.unit_amount_decimal !== undefined) {
    throw invalidParameter(
      "unit_amount_decimal",
      "You may only specify one of these parameters: unit_amount, unit_amount_decimal.",
      "parameters_exclusive",
    );
  }
  const text = input.unit_amount_decimal ?? input.unit_amount?.toString();
  if (text === undefined) {
    throw invalidParameter(
      "unit_amount",
      "You must specify either `unit_amount` or `unit_amount_decimal`.",
      "parameter_missing",
    );
  }
  const unit_amount_decimal = plainDecimal(text);
  return {
    unit_amount: unit_amount_decimal.includes(".") ? null : Number(unit_amount_decimal),
    unit_amount_decimal,
  };
}

/** A new price of a product. */
export function createPrice(tx: Transaction, product: string, input: PriceInput): Price {
  const price = tx.insert("price", {
    id: newId("price"),
    object: "price",
    active: input.active ?? true,
    billing_scheme: "per_unit",
    created: tx.now,
    currency: input.currency,
    custom_unit_amount: null,
    livemode: false,
    lookup_key: input.lookup_key ?? null,
    metadata: withMetadata({}, input.metadata),
    nickname: input.nickname ?? null,
    product,
    recurring: input.recurring
      ? {
          interval: input.recurring.interval,
          interval_count: input.recurring.interval_count ?? 1,
          meter: null,
          trial_period_days: input.recurring.trial_period_days ?? null,
          usage_type: "licensed",
        }
      : null,
    tax_behavior: input.tax_behavior ?? "unspecified",
    tiers_mode: null,
    transform_quantity: null,
    type: input.recurring ? "recurring" : "one_time",
    ...unitAmount(input),
  });
  tx.emit("price.created", price);
  return price;
}
