import { createPrice } from "../billing/catalogue/catalogue.ts";
import { priceAmount, termsIn } from "../billing/catalogue/pricing.ts";
import type { Priced } from "../billing/invoices/draft-items.ts";
import { assertPayable } from "../billing/payments/amounts.ts";
import { invalidParameter, invalidRequest } from "../errors.ts";
import { multiply } from "../money.ts";
import {
  currency,
  decimal,
  type Infer,
  integer,
  notYet,
  object,
  required,
  text,
  timestamp,
} from "../params.ts";
import type { Transaction } from "../transaction.ts";
import { taxBehavior } from "./common-params.ts";

const bounds = { end: required(timestamp), start: required(timestamp) };

export const period = object(bounds);

/** Refuses a period that ends before it starts. */
export function periodOf(given: Infer<typeof bounds> | undefined): Infer<typeof bounds> | undefined {
  if (given && given.end < given.start) {
    throw invalidParameter("period[end]", "The end of the period must not be before its start.");
  }
  return given;
}

/** How invoice items and lines say what they cost: exactly one of the first four, times a quantity. */
export const itemPrice = {
  amount: integer(),
  price_data: object({
    currency: required(currency),
    product: required(text()),
    tax_behavior: taxBehavior,
    unit_amount: integer(),
    unit_amount_decimal: decimal,
  }),
  pricing: object({ price: text() }),
  unit_amount_decimal: decimal,
  quantity: integer({ min: 0 }),
  quantity_decimal: notYet(),
  tax_behavior: taxBehavior,
  tax_code: notYet(),
  tax_rates: notYet(),
};

type ItemPrice = Infer<typeof itemPrice>;

const WAYS = ["amount", "price_data", "pricing", "unit_amount_decimal"] as const;

/** What is given costs, in the currency of the invoice or item it is for; undefined when nothing is said. */
export function pricedBy(tx: Transaction, params: ItemPrice, wanted: string | null): Priced | undefined {
  const ways = WAYS.filter((name) => params[name] !== undefined);
  if (ways.length > 1) {
    throw invalidParameter(
      ways[1]!,
      `You may only specify one of these parameters: ${ways.join(", ")}.`,
      "parameters_exclusive",
    );
  }
  const { quantity = 1 } = params;
  if (params.amount !== undefined) return priceOfAmount(params, wanted);
  if (params.unit_amount_decimal !== undefined) {
    const unit = params.unit_amount_decimal;
    return { ...priceOfUnit(unit, needCurrency(wanted)), amount: multiply(unit, quantity), quantity };
  }
  const price = priceGiven(tx, params);
  if (!price) return undefined;
  const money = wanted ?? price.currency;
  return {
    amount: priceAmount(tx, price, quantity, money),
    currency: money,
    description: tx.need("product", price.product).name,
    pricing: {
      price_details: { price: price.id, product: price.product },
      type: "price_details",
      unit_amount_decimal: termsIn(tx, price, money).unit_amount_decimal,
    },
    quantity,
  };
}

function priceOfAmount({ amount, quantity }: ItemPrice, wanted: string | null): Priced {
  if (quantity !== undefined && quantity !== 1) {
    throw invalidParameter(
      "quantity",
      "You may only specify one of these parameters: amount, quantity.",
      "parameters_exclusive",
    );
  }
  const money = needCurrency(wanted);
  assertPayable(amount!, money, "amount");
  return { ...priceOfUnit(String(amount), money), amount: amount!, quantity: 1 };
}

const priceOfUnit = (unit_amount_decimal: string, money: string) => ({
  currency: money,
  description: null,
  pricing: { type: "price_details" as const, unit_amount_decimal },
});

function needCurrency(wanted: string | null): string {
  if (wanted) return wanted;
  throw invalidParameter("currency", "Missing required param: currency.", "parameter_missing");
}

/** The price named, or one made for this item alone. */
function priceGiven(tx: Transaction, { pricing, price_data }: ItemPrice) {
  if (pricing?.price) {
    const price = tx.need("price", pricing.price, "pricing[price]");
    if (price.recurring) {
      throw invalidRequest(
        "The price specified is set to `type=recurring` but this field only accepts prices with `type=one_time`.",
        { param: "pricing[price]" },
      );
    }
    if (!price.active) {
      throw invalidRequest("The price specified is inactive. This field only accepts active prices.", {
        param: "pricing[price]",
      });
    }
    return price;
  }
  if (!price_data) return undefined;
  const { product, ...input } = price_data;
  tx.need("product", product, "price_data[product]");
  return createPrice(tx, product, { ...input, active: false }, "price_data");
}

/** What an item or a line shows of what it costs. */
export const shownPrice = ({ amount, pricing, quantity }: Priced) => {
  return { amount, pricing, quantity, quantity_decimal: String(quantity) };
};

/** What an item costs after a change; another quantity alone is of the price that it has already. */
export function repricedBy(
  tx: Transaction,
  params: ItemPrice,
  before: Pick<Priced, "currency" | "pricing" | "quantity"> & { description: string | null },
): Priced | undefined {
  const isOneAmount = params.amount !== undefined;
  const priced = pricedBy(
    tx,
    { ...(!isOneAmount && { quantity: before.quantity }), ...params },
    before.currency,
  );
  const { quantity } = params;
  if (priced || quantity === undefined) return priced;
  const price = tx.get("price", before.pricing?.price_details?.price ?? "");
  const amount = price
    ? priceAmount(tx, price, quantity, before.currency)
    : multiply(before.pricing?.unit_amount_decimal ?? "0", quantity);
  return { ...before, amount, quantity };
}
