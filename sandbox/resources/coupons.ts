import { createCoupon, deleteCoupon, needCoupon, termsKept } from "../billing/catalogue/coupons.ts";
import { assertPayable } from "../billing/payments/amounts.ts";
import { invalidParameter } from "../errors.ts";
import type { Kinds } from "../kinds.ts";
import { listParams, page } from "../list.ts";
import { metadata, withMetadata } from "../metadata.ts";
import {
  currency,
  type Infer,
  integer,
  list,
  map,
  object,
  oneOf,
  type Param,
  required,
  text,
  timestamp,
} from "../params.ts";
import { type Route, route } from "../router.ts";
import type { Transaction } from "../transaction.ts";

type Coupon = Kinds["coupon"];

/** Above 0, up to 100, with up to two places. */
const percent: Param<number> = {
  read(raw, path) {
    const value = typeof raw === "string" && /^\d{1,3}(\.\d{1,4})?$/.test(raw) ? Number(raw) : 0;
    if (value > 0 && value <= 100) return value;
    throw invalidParameter(path, `Invalid percent_off: must be above 0 and at most 100.`);
  },
};

const currencyOptions = map(object({ amount_off: required(integer({ min: 1 })) }));

const createParams = {
  amount_off: integer({ min: 1 }),
  applies_to: object({ products: list(text()) }),
  currency,
  currency_options: currencyOptions,
  duration: oneOf("forever", "once", "repeating"),
  duration_in_months: integer({ min: 1, max: 36 }),
  id: text({ max: 200, pattern: /^[\w-]+$/ }),
  max_redemptions: integer({ min: 1 }),
  metadata,
  name: text({ max: 40 }),
  percent_off: percent,
  redeem_by: timestamp,
};

type CreateParams = Infer<typeof createParams>;

function assertPossible(tx: Transaction, params: CreateParams): void {
  const { amount_off, duration, duration_in_months, percent_off, redeem_by } = params;
  if ((amount_off === undefined) === (percent_off === undefined)) {
    throw invalidParameter(
      amount_off === undefined ? "percent_off" : "amount_off",
      "You must pass either percent_off or amount_off, and not both.",
      amount_off === undefined ? "parameter_missing" : "parameters_exclusive",
    );
  }
  if (amount_off !== undefined && !params.currency) {
    throw invalidParameter("currency", "You must pass currency when passing amount_off", "parameter_missing");
  }
  assertPayableIn(params.currency_options);
  if (amount_off !== undefined) assertPayable(amount_off, params.currency!, "amount_off");
  if ((duration === "repeating") !== (duration_in_months !== undefined)) {
    throw invalidParameter(
      "duration_in_months",
      duration === "repeating"
        ? "You must pass duration_in_months when passing duration=repeating"
        : "You can only pass duration_in_months when passing duration=repeating",
      ...(duration === "repeating" ? (["parameter_missing"] as const) : []),
    );
  }
  if (redeem_by !== undefined && redeem_by <= tx.now)
    throw invalidParameter("redeem_by", "The redeem_by timestamp must be in the future.");
  for (const product of params.applies_to?.products ?? [])
    tx.need("product", product, "applies_to[products]");
}

function assertPayableIn(options: CreateParams["currency_options"] = {}): void {
  for (const [currency, { amount_off }] of Object.entries(options))
    assertPayable(amount_off, currency, `currency_options[${currency}][amount_off]`);
}

function create(tx: Transaction, params: CreateParams): Coupon {
  assertPossible(tx, params);
  const { applies_to, currency_options } = params;
  return createCoupon(tx, {
    amount_off: params.amount_off ?? null,
    products: applies_to?.products ?? null,
    currency: params.amount_off === undefined ? null : (params.currency ?? null),
    currency_options: currency_options ?? {},
    duration: params.duration ?? "once",
    duration_in_months: params.duration_in_months ?? null,
    id: params.id,
    max_redemptions: params.max_redemptions ?? null,
    metadata: withMetadata({}, params.metadata),
    name: params.name ?? null,
    percent_off: params.percent_off ?? null,
    redeem_by: params.redeem_by ?? null,
  });
}

const updateParams = { currency_options: currencyOptions, metadata, name: text({ max: 40 }) };

function update(tx: Transaction, params: Infer<typeof updateParams>, id: string): Coupon {
  const before = needCoupon(tx, id);
  const { currency_options, name } = params;
  assertPayableIn(currency_options);
  const terms = termsKept(tx, id);
  const options = { ...terms.currency_options, ...currency_options };
  tx.update("coupon_terms", id, { currency_options: options });
  return tx.update(
    "coupon",
    id,
    {
      metadata: withMetadata(before.metadata ?? {}, params.metadata),
      ...(name !== undefined && { name }),
    },
    "coupon.updated",
  );
}

export const couponRoutes: Route[] = [
  route("POST", "/v1/coupons", createParams, create),
  route("GET", "/v1/coupons", listParams, (tx, params) =>
    page(tx, { kind: "coupon", url: "/v1/coupons", keep: ({ id }) => !termsKept(tx, id).deleted }, params),
  ),
  route("GET", "/v1/coupons/:id", {}, (tx, _params, { id = "" }) => needCoupon(tx, id)),
  route("POST", "/v1/coupons/:id", updateParams, (tx, params, { id = "" }) => update(tx, params, id)),
  route("DELETE", "/v1/coupons/:id", {}, (tx, _params, { id = "" }) => deleteCoupon(tx, needCoupon(tx, id))),
];
