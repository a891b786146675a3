import { needCoupon } from "../billing/catalogue/coupons.ts";
import { createCode, updateCode } from "../billing/catalogue/promotion-codes.ts";
import { invalidParameter } from "../errors.ts";
import type { Kinds } from "../kinds.ts";
import { listParams, page } from "../list.ts";
import { metadata, withMetadata } from "../metadata.ts";
import {
  currency,
  flag,
  type Infer,
  integer,
  map,
  notYet,
  object,
  oneOf,
  required,
  text,
  timestamp,
} from "../params.ts";
import { type Route, route } from "../router.ts";
import type { Transaction } from "../transaction.ts";

type PromotionCode = Kinds["promotion_code"];

const currencyOptions = map(object({ minimum_amount: required(integer({ min: 1 })) }));

const createParams = {
  active: flag,
  code: text({ max: 500, pattern: /^[A-Za-z0-9-]+$/ }),
  customer: text(),
  customer_account: notYet(),
  expires_at: timestamp,
  max_redemptions: integer({ min: 1 }),
  metadata,
  promotion: required(object({ coupon: text(), type: required(oneOf("coupon")) })),
  restrictions: object({
    currency_options: currencyOptions,
    first_time_transaction: flag,
    minimum_amount: integer({ min: 1 }),
    minimum_amount_currency: currency,
  }),
};

type CreateParams = Infer<typeof createParams>;

function restrictionsOf({ restrictions = {} }: CreateParams): PromotionCode["restrictions"] {
  const { currency_options, first_time_transaction, minimum_amount, minimum_amount_currency } = restrictions;
  if ((minimum_amount === undefined) !== (minimum_amount_currency === undefined)) {
    const missing = minimum_amount === undefined ? "minimum_amount" : "minimum_amount_currency";
    throw invalidParameter(
      `restrictions[${missing}]`,
      `Missing required param: restrictions[${missing}].`,
      "parameter_missing",
    );
  }
  return {
    ...(currency_options && { currency_options }),
    first_time_transaction: first_time_transaction ?? false,
    minimum_amount: minimum_amount ?? null,
    minimum_amount_currency: minimum_amount_currency ?? null,
  };
}

function create(tx: Transaction, params: CreateParams): PromotionCode {
  const { coupon: id } = params.promotion;
  if (!id)
    throw invalidParameter(
      "promotion[coupon]",
      "Missing required param: promotion[coupon].",
      "parameter_missing",
    );
  const coupon = needCoupon(tx, id, "promotion[coupon]");
  if (params.customer) tx.need("customer", params.customer, "customer");
  return createCode(tx, coupon, {
    active: params.active ?? true,
    code: params.code,
    customer: params.customer ?? null,
    expires_at: params.expires_at ?? null,
    max_redemptions: params.max_redemptions ?? null,
    metadata: withMetadata({}, params.metadata),
    restrictions: restrictionsOf(params),
  });
}

const updateParams = {
  active: flag,
  metadata,
  restrictions: object({ currency_options: currencyOptions }),
};

function update(tx: Transaction, params: Infer<typeof updateParams>, id: string): PromotionCode {
  const before = tx.need("promotion_code", id);
  const { active, restrictions } = params;
  const options = { ...before.restrictions.currency_options, ...restrictions?.currency_options };
  return updateCode(tx, before, {
    metadata: withMetadata(before.metadata ?? {}, params.metadata),
    ...(active !== undefined && { active }),
    ...(restrictions?.currency_options && {
      restrictions: { ...before.restrictions, currency_options: options },
    }),
  });
}

const filters = {
  active: flag,
  code: text(),
  coupon: text(),
  customer: text(),
  customer_account: notYet(),
};

function listCodes(tx: Transaction, params: Infer<typeof filters & typeof listParams>) {
  const { active, code, coupon, customer } = params;
  const keep = (row: PromotionCode) =>
    (active === undefined || row.active === active) &&
    (!coupon || row.promotion.coupon === coupon) &&
    (!customer || row.customer === customer);
  const where = code
    ? { index: "code" as const, key: code.toLowerCase() }
    : coupon
      ? { index: "coupon" as const, key: coupon }
      : undefined;
  return page(tx, { kind: "promotion_code", url: "/v1/promotion_codes", where, keep }, params);
}

export const promotionCodeRoutes: Route[] = [
  route("POST", "/v1/promotion_codes", createParams, create),
  route("GET", "/v1/promotion_codes", { ...listParams, ...filters }, listCodes),
  route("GET", "/v1/promotion_codes/:id", {}, (tx, _params, { id = "" }) => tx.need("promotion_code", id)),
  route("POST", "/v1/promotion_codes/:id", updateParams, (tx, params, { id = "" }) => update(tx, params, id)),
];
