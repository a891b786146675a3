import { ApiError, invalidParameter, invalidRequest, paramIn } from "../../errors.ts";
import type { Kinds } from "../../kinds.ts";
import type { Transaction } from "../../transaction.ts";
import { createPrice, type PriceInput } from "../catalogue/catalogue.ts";
import { termsIn } from "../catalogue/pricing.ts";

type Price = Kinds["price"];
type Interval = NonNullable<Price["recurring"]>["interval"];

/** How a parameter names a price: an existing one, or one that is described on the spot. */
interface PriceChoice {
  price?: string | undefined;
  /** The old name of the same. */
  plan?: string | undefined;
  price_data?: (PriceInput & { product: string; recurring?: { interval: Interval } }) | undefined;
}

/**
 * The price that an item or an invoice item names. Inline prices are made for it, and for nothing else.
 * @param param the name of the item in errors
 */
export function chosenPrice(
  tx: Transaction,
  { price, plan, price_data }: PriceChoice,
  param: string,
  type: "recurring" | "one_time",
): Price {
  const id = price ?? plan;
  if (id && price_data) {
    throw invalidParameter(
      paramIn(param, "price_data"),
      "You may only specify one of these parameters: price, price_data.",
      "parameters_exclusive",
    );
  }
  if (price_data) {
    const inline = paramIn(param, "price_data");
    const product = tx.need("product", price_data.product, `${inline}[product]`);
    return createPrice(tx, product.id, { ...price_data, active: false }, inline);
  }
  if (!id)
    throw invalidParameter(
      paramIn(param, "price"),
      `Missing required param: ${paramIn(param, "price")}.`,
      "parameter_missing",
    );
  return accepted(tx.need("price", id, paramIn(param, "price")), paramIn(param, "price"), type);
}

function accepted(price: Price, param: string, type: "recurring" | "one_time"): Price {
  if (price.type !== type) {
    throw invalidRequest(
      `The price specified is set to \`type=${price.type}\` but this field only accepts prices with \`type=${type}\`.`,
      { param },
    );
  }
  if (!price.active) {
    throw invalidRequest("The price specified is inactive. This field only accepts active prices.", {
      param,
    });
  }
  return price;
}

/**
 * The currency of a new subscription: the one asked for, the customer's where the price has it, or the
 * price's own.
 */
export function currencyFor(
  tx: Transaction,
  price: Price,
  customer: Kinds["customer"],
  wanted: string | undefined,
): string {
  if (wanted) return wanted;
  return customer.currency && isIn(tx, price, customer.currency) ? customer.currency : price.currency;
}

function isIn(tx: Transaction, price: Price, currency: string): boolean {
  try {
    termsIn(tx, price, currency);
    return true;
  } catch (error) {
    if (error instanceof ApiError) return false;
    throw error;
  }
}
