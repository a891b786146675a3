import { assertNotCheckouts } from "../billing/checkout/setup.ts";
import { intentRefusal } from "../billing/invoices/collection.ts";
import { assertNotUnderWay } from "../billing/invoices/payments.ts";
import { assertChargeable } from "../billing/payments/amounts.ts";
import { captureIntent } from "../billing/payments/captures.ts";
import { conclude } from "../billing/payments/conclusions.ts";
import {
  assertConfirmable,
  cancelIntent,
  confirmIntent,
  createIntent,
  methodTypes,
} from "../billing/payments/intents.ts";
import { invalidParameter, invalidRequest } from "../errors.ts";
import type { Kinds } from "../kinds.ts";
import { listParams, page } from "../list.ts";
import { withMetadata } from "../metadata.ts";
import { type Infer, text } from "../params.ts";
import { type Route, route } from "../router.ts";
import { CANCELABLE } from "../states.ts";
import type { Transaction } from "../transaction.ts";
import { assertServes, assertWayBack, namedMethod, withSecret } from "./intent-methods.ts";
import {
  type ConfirmParams,
  type CreateParams,
  cancelParams,
  captureParams,
  confirmParams,
  createParams,
  listFilters,
  updateParams,
} from "./payment-intent-params.ts";
import { updateIntent } from "./payment-intent-update.ts";
import { shippingOf } from "./shipping.ts";

type PaymentIntent = Kinds["payment_intent"];

const DYNAMIC = { allow_redirects: "always", enabled: true } as const;

function create(tx: Transaction, params: CreateParams): PaymentIntent {
  const { amount, currency, customer, confirm, metadata, off_session, return_url } = params;
  assertChargeable(amount, currency);
  if (customer) tx.need("customer", customer, "customer");
  assertConfirmed(params);
  const method = namedMethod(tx, params);
  const { allowed_payment_method_types: allowed = null, excluded_payment_method_types: excluded = null } =
    params;
  const intent = createIntent(tx, {
    allowed_payment_method_types: allowed,
    amount,
    automatic_payment_methods: params.automatic_payment_methods ?? DYNAMIC,
    capture_method: params.capture_method ?? "automatic_async",
    currency,
    customer: customer ?? null,
    description: params.description ?? null,
    excluded_payment_method_types: excluded,
    metadata: withMetadata({}, metadata),
    payment_method: method?.id ?? null,
    payment_method_types: methodTypes(currency, allowed, excluded),
    receipt_email: params.receipt_email ?? null,
    setup_future_usage: params.setup_future_usage ?? null,
    shipping: shippingOf(params.shipping),
    statement_descriptor: params.statement_descriptor ?? null,
    statement_descriptor_suffix: params.statement_descriptor_suffix ?? null,
    transfer_group: params.transfer_group ?? null,
  });
  if (method) assertServes(tx, intent, method);
  return confirm ? attempt(tx, intent, { off_session, return_url }) : intent;
}

/** Some parameters mean something only together with `confirm`. */
function assertConfirmed({
  confirm,
  off_session,
  return_url,
  mandate_data,
  setup_future_usage,
}: CreateParams) {
  if (off_session && setup_future_usage) {
    throw invalidParameter(
      "setup_future_usage",
      "You cannot set `setup_future_usage` when `off_session` is true: the customer is not there to agree.",
    );
  }
  if (confirm) return;
  const given = { off_session, return_url, mandate_data };
  const alone = Object.entries(given).find(([, value]) => value !== undefined && value !== false);
  if (alone)
    throw invalidParameter(
      alone[0],
      `The parameter \`${alone[0]}\` can only be used when \`confirm\` is true.`,
    );
}

/** Confirms, draws the consequences, and throws what refuses the payment. */
function attempt(
  tx: Transaction,
  intent: PaymentIntent,
  { off_session, return_url }: Pick<ConfirmParams, "off_session" | "return_url">,
): PaymentIntent {
  if (!intent.payment_method && intent.status === "requires_payment_method") throw missingMethod(intent);
  const method = tx.need("payment_method", intent.payment_method ?? "", "payment_method");
  assertServes(tx, intent, method);
  assertWayBack(intent, return_url);
  const options = { returnUrl: return_url ?? null, offSession: Boolean(off_session) };
  const after = conclude(tx, confirmIntent(tx, intent, method, options));
  if (after.status === "requires_payment_method") throw intentRefusal(after, method);
  return after;
}

function missingMethod({ customer }: PaymentIntent) {
  const how = customer
    ? `To confirm the PaymentIntent with ${customer}, specify a payment method attached to this customer along with the customer ID.`
    : "You can either update the PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a payment method or ConfirmationToken.";
  return invalidRequest(
    `You cannot confirm this PaymentIntent because it's missing a payment method. ${how}`,
    {
      code: "payment_intent_unexpected_state",
    },
  );
}

function confirm(tx: Transaction, params: ConfirmParams, id: string): PaymentIntent {
  const { mandate_data: _, off_session, return_url, ...changes } = params;
  const before = tx.need("payment_intent", id);
  assertNotCheckouts(tx, before, "confirm");
  assertConfirmable(before);
  return attempt(tx, updateIntent(tx, before, changes), { off_session, return_url });
}

function capture(tx: Transaction, params: Infer<typeof captureParams>, id: string): PaymentIntent {
  const { amount_to_capture, final_capture = true, metadata, ...descriptors } = params;
  if (!final_capture)
    throw invalidRequest(
      "This PaymentIntent can be captured once only: its card does not take part in multicapture.",
      {
        param: "final_capture",
      },
    );
  const captured = conclude(tx, captureIntent(tx, tx.need("payment_intent", id), amount_to_capture));
  return tx.update("payment_intent", id, {
    metadata: withMetadata(captured.metadata, metadata),
    ...descriptors,
  });
}

function cancel(tx: Transaction, id: string, reason: PaymentIntent["cancellation_reason"]): PaymentIntent {
  const intent = tx.need("payment_intent", id);
  assertNotCheckouts(tx, intent, "cancel");
  if (!CANCELABLE.includes(intent.status)) {
    throw invalidRequest(
      `You cannot cancel this PaymentIntent because it has a status of ${intent.status}. Only a PaymentIntent with one of the following statuses may be canceled: ${CANCELABLE.join(", ")}.`,
      { code: "payment_intent_unexpected_state" },
    );
  }
  assertMayGiveUp(tx, intent);
  return conclude(tx, cancelIntent(tx, intent, reason));
}

/** What a bank has under way for an invoice cannot be called back. */
function assertMayGiveUp(tx: Transaction, { id }: PaymentIntent): void {
  const payment = tx.find("invoice_payment", "payment_intent", id);
  const invoice = payment && tx.get("invoice", payment.invoice);
  if (invoice) assertNotUnderWay(tx, invoice, "cancel a PaymentIntent");
}

export const paymentIntentRoutes: Route[] = [
  route("POST", "/v1/payment_intents", createParams, create),
  route("GET", "/v1/payment_intents", { ...listParams, ...listFilters }, (tx, params) => {
    const where = params.customer ? { index: "customer" as const, key: params.customer } : undefined;
    return page(tx, { kind: "payment_intent", url: "/v1/payment_intents", where }, params);
  }),
  route("GET", "/v1/payment_intents/:id", { client_secret: text() }, (tx, params, { id = "" }) =>
    withSecret(tx.need("payment_intent", id), params.client_secret, "payment_intent"),
  ),
  route("POST", "/v1/payment_intents/:id", updateParams, (tx, params, { id = "" }) =>
    updateIntent(tx, tx.need("payment_intent", id), params),
  ),
  route("POST", "/v1/payment_intents/:id/confirm", confirmParams, (tx, params, { id = "" }) =>
    confirm(tx, params, id),
  ),
  route("POST", "/v1/payment_intents/:id/capture", captureParams, (tx, params, { id = "" }) =>
    capture(tx, params, id),
  ),
  route("POST", "/v1/payment_intents/:id/cancel", cancelParams, (tx, params, { id = "" }) =>
    cancel(tx, id, params.cancellation_reason ?? null),
  ),
];
