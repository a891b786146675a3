import { ApiError, invalidRequest } from "../../errors.ts";
import { newId } from "../../ids.ts";
import type { Kinds } from "../../kinds.ts";
import { next, UNCONFIRMED } from "../../states.ts";
import type { Transaction } from "../../transaction.ts";
import { attach, cardOf } from "../customers/payment-methods.ts";
import { subscriptionSetUp } from "../subscriptions/setup.ts";
import { challenge, firstStatus, newIntentRow } from "./intent-rows.ts";

type SetupIntent = Kinds["setup_intent"];
type PaymentMethod = Kinds["payment_method"];
type SetupError = NonNullable<SetupIntent["last_setup_error"]>;

/** What a setup intent is made of; everything may be left out. */
type SetupInput = Partial<
  Pick<
    SetupIntent,
    | "allowed_payment_method_types"
    | "automatic_payment_methods"
    | "customer"
    | "description"
    | "excluded_payment_method_types"
    | "metadata"
    | "payment_method"
    | "payment_method_types"
    | "usage"
  >
>;

/** The agreement to charge a method later, still to be given. https://docs.stripe.com/payments/setup-intents */
export function createSetupIntent(tx: Transaction, input: SetupInput = {}): SetupIntent {
  const id = newId("seti");
  const intent = tx.insert("setup_intent", {
    ...newIntentRow(tx, id),
    id,
    object: "setup_intent",
    flow_directions: null,
    last_setup_error: null,
    latest_attempt: null,
    mandate: null,
    payment_method_options: {
      card: { mandate_options: null, network: null, request_three_d_secure: "automatic" },
    },
    payment_method_types: ["card", "sepa_debit", "us_bank_account"],
    single_use_mandate: null,
    usage: "off_session",
    ...input,
    status: firstStatus(input.payment_method),
  });
  tx.emit("setup_intent.created", intent);
  return intent;
}

/**
 * Sets the method up, and makes it the customer's. Look at the status of what comes back: a card may
 * ask its holder first (`requires_action`); a refusal is not thrown, but in `last_setup_error`.
 */
export function confirmSetup(
  tx: Transaction,
  intent: SetupIntent,
  method: PaymentMethod,
  options: { returnUrl?: string | null } = {},
): SetupIntent {
  const { authentication } = cardOf(method);
  if (authentication !== "always" && authentication !== "until_set_up") return setUp(tx, intent, method);
  const waiting = tx.update("setup_intent", intent.id, {
    status: next("setup_intent", intent.status, "requires_action"),
    payment_method: method.id,
    last_setup_error: null,
    next_action: challenge(tx, intent.id, options.returnUrl ?? null),
  });
  tx.emit("setup_intent.requires_action", waiting);
  return waiting;
}

/** The holder's answer to 3-D Secure. Throws when the intent does not wait for one. */
export function authenticateSetup(
  tx: Transaction,
  intent: SetupIntent,
  outcome: "succeed" | "fail",
): SetupIntent {
  if (intent.status !== "requires_action") {
    const message = `This SetupIntent's status is ${intent.status}: it does not wait for authentication.`;
    throw invalidRequest(message, { code: "setup_intent_unexpected_state" });
  }
  const method = tx.need("payment_method", intent.payment_method ?? "", "payment_method");
  if (outcome === "succeed") return setUp(tx, intent, method);
  return failSetup(tx, intent, method, {
    type: "invalid_request_error",
    code: "setup_intent_authentication_failure",
    message:
      "The latest attempt to set up the payment method has failed because authentication failed. Please choose a different payment method and try again.",
  });
}

function setUp(tx: Transaction, intent: SetupIntent, method: PaymentMethod): SetupIntent {
  const { declines } = cardOf(method);
  if (declines) {
    const code = declines.code as NonNullable<SetupError["code"]>;
    return failSetup(tx, intent, method, { type: "card_error", ...declines, code });
  }
  if (intent.customer) attach(tx, method, intent.customer);
  const done = tx.update("setup_intent", intent.id, {
    status: next("setup_intent", intent.status, "succeeded"),
    payment_method: method.id,
    last_setup_error: null,
    next_action: null,
  });
  tx.emit("setup_intent.succeeded", done);
  subscriptionSetUp(tx, done);
  return done;
}

function failSetup(
  tx: Transaction,
  intent: SetupIntent,
  method: PaymentMethod,
  cause: Pick<SetupError, "type" | "code" | "decline_code" | "message">,
): SetupIntent {
  const failed = tx.update("setup_intent", intent.id, {
    status: next("setup_intent", intent.status, "requires_payment_method"),
    payment_method: null,
    next_action: null,
    last_setup_error: {
      ...cause,
      doc_url: `https://stripe.com/docs/error-codes/${String(cause.code).replaceAll("_", "-")}`,
      payment_method: method,
    },
  });
  tx.emit("setup_intent.setup_failed", failed);
  return failed;
}

/** The error of a method that was not set up; its traces are kept. */
export function setupRefusal(intent: SetupIntent): ApiError {
  const {
    code,
    decline_code,
    message = "Your card was declined.",
    payment_method,
  } = intent.last_setup_error ?? {};
  const error = {
    type: "card_error" as const,
    message,
    setup_intent: intent,
    ...(code && { code }),
    ...(decline_code && { decline_code }),
    ...(payment_method && { payment_method }),
  };
  return new ApiError(402, error, { keepsEffects: true });
}

/** Gives a setup up. Throws when it is over. */
export function cancelSetup(
  tx: Transaction,
  intent: SetupIntent,
  reason: SetupIntent["cancellation_reason"] = null,
): SetupIntent {
  if (!UNCONFIRMED.includes(intent.status)) {
    throw invalidRequest(
      `You cannot cancel this SetupIntent because it has a status of ${intent.status}. Only a SetupIntent with one of the following statuses may be canceled: ${UNCONFIRMED.join(", ")}.`,
      { code: "setup_intent_unexpected_state" },
    );
  }
  const canceled = tx.update("setup_intent", intent.id, {
    status: next("setup_intent", intent.status, "canceled"),
    cancellation_reason: reason,
    next_action: null,
  });
  tx.emit("setup_intent.canceled", canceled);
  return canceled;
}
