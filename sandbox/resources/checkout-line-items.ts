import { createPrice, createProduct } from "../billing/catalogue/catalogue.ts";
import { invalidParameter, invalidRequest } from "../errors.ts";
import { newId } from "../ids.ts";
import type { CheckoutDetails, Kinds } from "../kinds.ts";
import { metadata, withMetadata } from "../metadata.ts";
import { currency, flag, type Infer, integer, list, notYet, object, required, text, url } from "../params.ts";
import type { Transaction } from "../transaction.ts";
import { recurrence, taxBehavior } from "./common-params.ts";
import { amountDecimal } from "./price-params.ts";

type LineItem = CheckoutDetails["line_items"][number];
type Price = Kinds["price"];

const MAX_QUANTITY = 999_999;

const priceData = object({
  currency: required(currency),
  product: text(),
  product_data: object({
    description: text({ max: 40_000 }),
    images: list(url),
    metadata,
    name: required(text({ max: 5000 })),
    tax_code: text(),
    tax_details: notYet(),
    unit_label: text({ max: 12 }),
  }),
  recurring: object(recurrence),
  tax_behavior: taxBehavior,
  unit_amount: integer({ min: 0, max: 99_999_999 }),
  unit_amount_decimal: amountDecimal,
});

const fields = {
  adjustable_quantity: object({
    enabled: required(flag),
    maximum: integer({ min: 1, max: MAX_QUANTITY }),
    minimum: integer({ min: 0, max: MAX_QUANTITY }),
  }),
  metadata,
  price: text(),
  price_data: priceData,
  quantity: integer({ min: 1, max: MAX_QUANTITY }),
  tax_rates: notYet(),
};

/** What a new session sells. */
export const lineItems = list(object(fields));
/** What an open session shall sell from now on: an `id` keeps an item, without one it is new. */
export const updatedLineItems = list(object({ ...fields, id: text() }));

type OrderedItem = Infer<typeof fields>;
export type UpdatedItem = Infer<typeof fields & { id: ReturnType<typeof text> }>;

/** Reads one entry of `line_items`; its amounts are still to be reckoned, in the session's currency. */
export function newLineItem(tx: Transaction, item: OrderedItem, param: string): LineItem {
  const price = priceOf(tx, item, param);
  const isMetered = price.recurring?.usage_type === "metered";
  if (isMetered && item.quantity !== undefined) {
    throw invalidParameter(
      `${param}[quantity]`,
      "Quantity should not be specified where usage_type is `metered`.",
    );
  }
  if (!isMetered && item.quantity === undefined) {
    throw invalidParameter(
      `${param}[quantity]`,
      `Quantity is required. Add \`quantity\` to \`${param}\``,
      "parameter_missing",
    );
  }
  return {
    id: newId("li"),
    object: "item",
    adjustable_quantity: adjustable(item),
    amount_discount: 0,
    amount_subtotal: 0,
    amount_tax: 0,
    amount_total: 0,
    currency: price.currency,
    description: tx.need("product", price.product).name,
    metadata: withMetadata({}, item.metadata),
    price,
    quantity: item.quantity ?? null,
  };
}

/** What an update makes of an item that the session already has. */
export function changedLineItem(
  tx: Transaction,
  before: LineItem,
  item: UpdatedItem,
  param: string,
): LineItem {
  const price = item.price || item.price_data ? priceOf(tx, item, param) : before.price!;
  return {
    ...before,
    ...(item.adjustable_quantity && { adjustable_quantity: adjustable(item) }),
    currency: price.currency,
    description: tx.need("product", price.product).name,
    metadata: withMetadata(before.metadata ?? {}, item.metadata),
    price,
    quantity: item.quantity ?? before.quantity,
  };
}

function adjustable({ adjustable_quantity: given, quantity }: OrderedItem): LineItem["adjustable_quantity"] {
  if (!given) return null;
  if (!given.enabled) return { enabled: false, maximum: null, minimum: null };
  const { maximum = Math.max(99, quantity ?? 0), minimum = 0 } = given;
  return { enabled: true, maximum, minimum };
}

function priceOf(tx: Transaction, { price, price_data }: OrderedItem, param: string): Price {
  if (price && price_data) {
    throw invalidParameter(
      `${param}[price_data]`,
      `You may only specify one of these parameters: ${param}[price], ${param}[price_data].`,
      "parameters_exclusive",
    );
  }
  if (price_data) return inlinePrice(tx, price_data, `${param}[price_data]`);
  if (!price) {
    throw invalidParameter(
      `${param}[price]`,
      `Missing required param: ${param}[price].`,
      "parameter_missing",
    );
  }
  const found = tx.need("price", price, `${param}[price]`);
  if (found.active) return found;
  throw invalidRequest("The price specified is inactive. This field only accepts active prices.", {
    param: `${param}[price]`,
  });
}

/** A price for this session alone: nobody can order it again, so neither it nor its product is active. */
function inlinePrice(
  tx: Transaction,
  { product, product_data, ...amounts }: NonNullable<OrderedItem["price_data"]>,
  param: string,
): Price {
  if (!product === !product_data) {
    throw invalidParameter(
      `${param}[product]`,
      `You must specify either \`product\` or \`product_data\` in \`${param}\`.`,
      "parameter_missing",
    );
  }
  if (amounts.unit_amount === undefined && amounts.unit_amount_decimal === undefined) {
    throw invalidParameter(
      `${param}[unit_amount]`,
      `Missing required param: ${param}[unit_amount].`,
      "parameter_missing",
    );
  }
  const id = product
    ? tx.need("product", product, `${param}[product]`).id
    : createProduct(tx, {
        ...product_data!,
        active: false,
        metadata: withMetadata({}, product_data!.metadata),
        tax_details: null,
      }).id;
  return createPrice(tx, id, { ...amounts, active: false }, param);
}
