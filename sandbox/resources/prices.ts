import { createPrice, createProduct } from "../billing/catalogue/catalogue.ts";
import { type CurrencyOptionInput, currencyOptionsOf } from "../billing/catalogue/price-terms.ts";
import { invalidParameter, invalidRequest } from "../errors.ts";
import type { Kinds } from "../kinds.ts";
import { listParams, page } from "../list.ts";
import { metadata, withMetadata } from "../metadata.ts";
import { currency, flag, type Infer, list, object, oneOf, required, text, unsettable } from "../params.ts";
import { type Route, route } from "../router.ts";
import type { Transaction } from "../transaction.ts";
import { interval, taxBehavior } from "./common-params.ts";
import { amounts, currencyOptions, schemes } from "./price-params.ts";

type Price = Kinds["price"];

const fields = {
  active: flag,
  lookup_key: unsettable(text({ max: 200 })),
  metadata,
  nickname: unsettable(text()),
  tax_behavior: taxBehavior,
  transfer_lookup_key: flag,
};

const createParams = {
  ...amounts,
  ...fields,
  ...schemes,
  product: text(),
  product_data: object({
    active: flag,
    id: text(),
    metadata,
    name: required(text()),
    statement_descriptor: text({ max: 22 }),
    tax_code: text(),
    unit_label: text({ max: 12 }),
  }),
};

const updateParams = { ...fields, currency_options: unsettable(currencyOptions) };

/** A lookup key names one price; it moves only when asked to. */
function claimLookupKey(
  tx: Transaction,
  key: string | null | undefined,
  transfer: boolean | undefined,
  own?: string,
): void {
  const holder = key ? tx.find("price", "lookup_key", key) : undefined;
  if (!holder || holder.id === own) return;
  if (!transfer) {
    throw invalidRequest(`A price (\`${holder.id}\`) already uses that lookup key.`, { param: "lookup_key" });
  }
  tx.update("price", holder.id, { lookup_key: null }, "price.updated");
}

function create(tx: Transaction, params: Infer<typeof createParams>): Price {
  if (!params.product === !params.product_data) {
    throw invalidParameter(
      "product",
      "You must specify either `product` or `product_data` when creating a price.",
      "parameter_missing",
    );
  }
  claimLookupKey(tx, params.lookup_key, params.transfer_lookup_key);
  const { product_data: data } = params;
  const product = data
    ? createProduct(tx, { ...data, metadata: withMetadata({}, data.metadata) })
    : tx.need("product", params.product!, "product");
  return createPrice(tx, product.id, params);
}

function update(tx: Transaction, params: Infer<typeof updateParams>, id: string): Price {
  const { transfer_lookup_key, metadata, currency_options, ...plain } = params;
  const before = tx.need("price", id);
  if (currency_options !== undefined) changeCurrencies(tx, before, currency_options);
  claimLookupKey(tx, plain.lookup_key, transfer_lookup_key, id);
  return tx.update(
    "price",
    id,
    { ...plain, metadata: withMetadata(before.metadata, metadata) },
    "price.updated",
  );
}

/** Adds currencies and changes those named; null takes all away. */
function changeCurrencies(
  tx: Transaction,
  price: Price,
  change: Record<string, CurrencyOptionInput> | null,
): void {
  const terms = tx.get("price_terms", price.id) ?? { id: price.id, currency_options: {}, tiers: [] };
  const currency_options = change ? { ...terms.currency_options, ...currencyOptionsOf(price, change) } : {};
  tx.insert("price_terms", { ...terms, currency_options });
}

const filters = {
  active: flag,
  currency,
  lookup_keys: list(text()),
  product: text(),
  recurring: object({
    interval: interval,
    meter: text(),
    usage_type: oneOf("licensed", "metered"),
  }),
  type: oneOf("one_time", "recurring"),
};

function listPrices(tx: Transaction, params: Infer<typeof filters & typeof listParams>) {
  const { active, currency, lookup_keys, product, recurring, type } = params;
  const keep = (price: Price) =>
    (active === undefined || price.active === active) &&
    (!currency || price.currency === currency) &&
    (!lookup_keys || (price.lookup_key !== null && lookup_keys.includes(price.lookup_key))) &&
    (!type || price.type === type) &&
    (!recurring?.interval || price.recurring?.interval === recurring.interval) &&
    (!recurring?.meter || price.recurring?.meter === recurring.meter) &&
    (!recurring?.usage_type || price.recurring?.usage_type === recurring.usage_type);
  const where = product ? { index: "product" as const, key: product } : undefined;
  return page(tx, { kind: "price", url: "/v1/prices", where, keep }, params);
}

export const priceRoutes: Route[] = [
  route("POST", "/v1/prices", createParams, create),
  route("GET", "/v1/prices", { ...listParams, ...filters }, listPrices),
  route("GET", "/v1/prices/:id", {}, (tx, _params, { id = "" }) => tx.need("price", id)),
  route("POST", "/v1/prices/:id", updateParams, (tx, params, { id = "" }) => update(tx, params, id)),
];
