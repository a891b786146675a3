import { invalidParameter } from "../errors.ts";
import { metadata } from "../metadata.ts";
import {
  currency,
  decimal,
  either,
  integer,
  list,
  map,
  notYet,
  object,
  oneOf,
  type Param,
  required,
  text,
} from "../params.ts";
import { recurrence, taxBehavior } from "./common-params.ts";

const recurring = object({
  ...recurrence,
  meter: text(),
  trial_period_days: integer({ min: 1, max: 730 }),
  usage_type: oneOf("licensed", "metered"),
});

const amount = integer({ min: 0, max: 99_999_999_999 });
/** Prices are never negative. */
export const amountDecimal: Param<string> = {
  read(raw, path) {
    const value = decimal.read(raw, path);
    if (!value.startsWith("-")) return value;
    throw invalidParameter(path, "This value must be greater than or equal to 0.");
  },
};

const tiers = list(
  object({
    flat_amount: amount,
    flat_amount_decimal: amountDecimal,
    unit_amount: amount,
    unit_amount_decimal: amountDecimal,
    up_to: required(either(integer({ min: 1 }), oneOf("inf"))),
  }),
);

/** The price in other currencies, by their codes. */
export const currencyOptions = map(
  object({
    custom_unit_amount: notYet(),
    tax_behavior: taxBehavior,
    tiers,
    unit_amount: amount,
    unit_amount_decimal: amountDecimal,
  }),
);

/** What a price costs, and how often. */
export const amounts = {
  currency: required(currency),
  currency_options: currencyOptions,
  custom_unit_amount: notYet(),
  recurring,
  tax_behavior: taxBehavior,
  unit_amount: amount,
  unit_amount_decimal: amountDecimal,
};

/** How a price grows with the quantity. */
export const schemes = {
  billing_scheme: oneOf("per_unit", "tiered"),
  tiers,
  tiers_mode: oneOf("graduated", "volume"),
  transform_quantity: object({
    divide_by: required(integer({ min: 1 })),
    round: required(oneOf("down", "up")),
  }),
};

/** A price described where it is used, such as a product's `default_price_data`. */
export const inlinePrice = object({
  ...amounts,
  metadata,
  recurring: object(recurrence),
});
