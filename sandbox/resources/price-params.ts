import { metadata } from "../metadata.ts";
import { currency, decimal, integer, notYet, object, oneOf, required } from "../params.ts";

const recurring = object({
  interval: required(oneOf("day", "week", "month", "year")),
  interval_count: integer({ min: 1, max: 1095 }),
  meter: notYet(),
  trial_period_days: integer({ min: 1, max: 730 }),
  usage_type: oneOf("licensed"),
});

/** What a price costs, and how often. */
export const amounts = {
  currency: required(currency),
  currency_options: notYet(),
  custom_unit_amount: notYet(),
  recurring,
  tax_behavior: oneOf("exclusive", "inclusive", "unspecified"),
  unit_amount: integer({ min: 0, max: 99_999_999_999 }),
  unit_amount_decimal: decimal,
};

/** A price described where it is used, such as a product's `default_price_data`. */
export const inlinePrice = object({ ...amounts, metadata });
