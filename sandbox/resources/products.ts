import { createPrice, createProduct } from "../billing/catalogue/catalogue.ts";
import { invalidRequest } from "../errors.ts";
import type { Kinds } from "../kinds.ts";
import { listParams, page } from "../list.ts";
import { metadata, withMetadata } from "../metadata.ts";
import { flag, type Infer, list, notYet, object, oneOf, required, text, unsettable, url } from "../params.ts";
import { type Route, route } from "../router.ts";
import type { Transaction } from "../transaction.ts";
import { inlinePrice } from "./price-params.ts";

type Product = Kinds["product"];

const fields = {
  active: flag,
  description: unsettable(text({ max: 40_000 })),
  images: unsettable(list(url)),
  marketing_features: unsettable(list(object({ name: required(text({ max: 80 })) }))),
  metadata,
  name: text({ max: 5000 }),
  package_dimensions: notYet(),
  shippable: flag,
  statement_descriptor: text({ max: 22 }),
  tax_code: unsettable(text()),
  tax_details: notYet(),
  unit_label: unsettable(text({ max: 12 })),
  url: unsettable(url),
};

const createParams = {
  ...fields,
  name: required(text({ max: 5000 })),
  default_price_data: inlinePrice,
  id: text({ pattern: /^[\w-]+$/ }),
  type: oneOf("good", "service"),
};

const updateParams = { ...fields, default_price: unsettable(text()) };

function given(params: Infer<typeof fields>, before?: Product): Partial<Product> {
  const { images, marketing_features, metadata, package_dimensions: _, tax_details: __, ...plain } = params;
  return {
    ...plain,
    ...(images !== undefined && { images: images ?? [] }),
    ...(marketing_features !== undefined && { marketing_features: marketing_features ?? [] }),
    metadata: withMetadata(before?.metadata ?? {}, metadata),
  };
}

function create(tx: Transaction, params: Infer<typeof createParams>): Product {
  const { default_price_data, id, name, type, ...rest } = params;
  const product = createProduct(tx, { ...given(rest), name, ...(id && { id }), ...(type && { type }) });
  if (!default_price_data) return product;
  const price = createPrice(tx, product.id, default_price_data, "default_price_data");
  return tx.update("product", product.id, { default_price: price.id });
}

function update(
  tx: Transaction,
  { default_price, ...params }: Infer<typeof updateParams>,
  id: string,
): Product {
  const before = tx.need("product", id);
  if (default_price && tx.need("price", default_price, "default_price").product !== id) {
    throw invalidRequest("The default price must belong to the product.", { param: "default_price" });
  }
  const changes = {
    ...given(params, before),
    ...(default_price !== undefined && { default_price }),
    updated: tx.now,
  };
  return tx.update("product", id, changes, "product.updated");
}

function remove(tx: Transaction, id: string) {
  const product = tx.need("product", id);
  if (tx.find("price", "product", id)) {
    throw invalidRequest("This product cannot be deleted because it has one or more user-created prices.");
  }
  tx.remove("product", id);
  tx.emit("product.deleted", product);
  return tx.insert("deleted", { id, object: "product", deleted: true });
}

const filters = {
  active: flag,
  ids: list(text()),
  shippable: flag,
  url: text(),
  type: oneOf("good", "service"),
};

export const productRoutes: Route[] = [
  route("POST", "/v1/products", createParams, create),
  route("GET", "/v1/products", { ...listParams, ...filters }, (tx, params) => {
    const { active, ids, shippable, url } = params;
    const keep = (product: Product) =>
      (active === undefined || product.active === active) &&
      (!ids || ids.includes(product.id)) &&
      (shippable === undefined || product.shippable === shippable) &&
      (!url || product.url === url);
    return page(tx, { kind: "product", url: "/v1/products", keep }, params);
  }),
  route("GET", "/v1/products/:id", {}, (tx, _params, { id = "" }) => tx.need("product", id)),
  route("POST", "/v1/products/:id", updateParams, (tx, params, { id = "" }) => update(tx, params, id)),
  route("DELETE", "/v1/products/:id", {}, (tx, _params, { id = "" }) => remove(tx, id)),
];
