import { invalidParameter, invalidRequest } from "../errors.ts";
import type { CheckoutDetails } from "../kinds.ts";
import type { Transaction } from "../transaction.ts";
import type { SessionParams } from "./checkout-session-params.ts";

type LineItem = CheckoutDetails["line_items"][number];
type Mode = SessionParams["mode"];

const DEFAULT_SECONDS = 24 * 3600;
const MIN_SECONDS = 30 * 60;
const MAX_ITEMS = { payment: 100, setup: 0, subscription: 20 };

/** Parameters that make sense in some modes only. */
const MODES: { [name in keyof SessionParams]?: Mode[] } = {
  allow_promotion_codes: ["payment", "subscription"],
  customer_creation: ["payment", "setup"],
  discounts: ["payment", "subscription"],
  invoice_creation: ["payment"],
  line_items: ["payment", "subscription"],
  payment_intent_data: ["payment"],
  payment_method_collection: ["subscription"],
  setup_intent_data: ["setup"],
  submit_type: ["payment", "subscription"],
  subscription_data: ["subscription"],
};

const EXCLUSIVE: [keyof SessionParams, keyof SessionParams][] = [
  ["customer", "customer_email"],
  ["customer", "customer_creation"],
  ["allow_promotion_codes", "discounts"],
];

/** Refuses parameters that do not go together, in Stripe's words. */
export function assertPossible(tx: Transaction, params: SessionParams): void {
  const { mode } = params;
  if (!params.success_url) throw missing("success_url");
  for (const [name, modes] of Object.entries(MODES)) {
    if (params[name as keyof SessionParams] !== undefined && !modes.includes(mode)) {
      throw invalidParameter(name, `You can not pass \`${name}\` in \`${mode}\` mode.`);
    }
  }
  for (const [one, other] of EXCLUSIVE) {
    if (params[one] === undefined || params[other] === undefined || params[one] === false) continue;
    throw invalidParameter(
      other,
      `You may only specify one of these parameters: ${one}, ${other}.`,
      "parameters_exclusive",
    );
  }
  if (mode !== "setup" && !params.line_items?.length) throw missing("line_items");
  if (mode === "setup" && !params.currency && !params.allowed_payment_method_types) throw missing("currency");
  if (params.customer_update && !params.customer) {
    throw invalidParameter(
      "customer_update",
      "`customer_update` can only be used with `customer`. Please provide a customer.",
    );
  }
  if ((params.discounts?.length ?? 0) > 1) {
    throw invalidParameter("discounts", "Only one coupon or promotion code may be applied to a session.");
  }
  assertTrial(tx, params);
}

const missing = (name: string) =>
  invalidParameter(name, `Missing required param: ${name}.`, "parameter_missing");

function assertTrial(tx: Transaction, { subscription_data }: SessionParams): void {
  const { trial_end, trial_period_days } = subscription_data ?? {};
  if (trial_end !== undefined && trial_period_days !== undefined) {
    throw invalidParameter(
      "subscription_data[trial_end]",
      "You may only specify one of these parameters: trial_end, trial_period_days.",
      "parameters_exclusive",
    );
  }
  if (trial_end !== undefined && trial_end < tx.now + 48 * 3600) {
    throw invalidParameter(
      "subscription_data[trial_end]",
      "The `trial_end` date has to be at least 2 days in the future.",
    );
  }
}

/** Refuses items that cannot be sold together in this mode. */
export function assertSellable(mode: Mode, items: LineItem[], billingMode = "flexible"): void {
  const recurring = items.flatMap(({ price }) => price?.recurring ?? []);
  if (mode === "payment" && recurring.length > 0) {
    throw invalidRequest(
      "You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or use only one-time prices.",
      { param: "mode" },
    );
  }
  if (mode === "subscription" && recurring.length === 0) {
    throw invalidRequest(
      "You must provide at least one recurring price in `subscription` mode when using prices.",
      { param: "line_items" },
    );
  }
  if (Math.max(recurring.length, items.length - recurring.length) > MAX_ITEMS[mode]) {
    throw invalidRequest(`You may only specify up to ${MAX_ITEMS[mode]} line items of a type.`, {
      param: "line_items",
    });
  }
  const rhythms = new Set(recurring.map(({ interval, interval_count }) => `${interval_count} ${interval}`));
  if (rhythms.size > 1 && billingMode === "classic") {
    throw invalidRequest("Checkout does not support multiple prices with different billing intervals.", {
      param: "line_items",
    });
  }
}

/** When a session expires: a day after it began, or when it was told to. */
export function expiry(tx: Transaction, wanted: number | undefined): number {
  const expires = wanted ?? tx.now + DEFAULT_SECONDS;
  // A caller's clock may be a few seconds off, as Stripe allows.
  if (expires < tx.now + MIN_SECONDS - 10) {
    throw invalidParameter(
      "expires_at",
      "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.",
    );
  }
  if (expires > tx.now + DEFAULT_SECONDS + 10) {
    throw invalidParameter(
      "expires_at",
      "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.",
    );
  }
  return expires;
}
