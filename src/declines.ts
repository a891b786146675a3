/** What a learner can do about a payment that failed. */
export const NEXT_STEPS = ["UPDATE_PAYMENT_METHOD", "AUTHENTICATE", "CONTACT_BANK", "WAIT"] as const;
export type NextStep = (typeof NEXT_STEPS)[number];

/** A failure in words that a learner understands, with what to do next. */
export interface Advice {
  message: string;
  nextStep: NextStep;
}

const advice = (nextStep: NextStep, message: string, codes: string): [string, Advice][] =>
  codes.split(/\s+/).map((code) => [code, { message, nextStep }]);

/** What nobody has told us more about. */
const DECLINED: Advice = {
  message: "Your bank declined the payment. Pay with another card, or ask your bank.",
  nextStep: "UPDATE_PAYMENT_METHOD",
};

/**
 * Codes that a cardholder is not to be told, since whoever holds the card may not be them: shown as a plain decline
 * (https://docs.stripe.com/declines/codes).
 */
const KEPT_BACK = new Set([
  ...["fraudulent", "lost_card", "stolen_card", "pickup_card", "merchant_blacklist", "security_violation"],
  ...["highest_risk_level", "elevated_risk_level", "rule", "test_mode_live_card", "live_mode_test_card"],
]);
const PLAIN = "generic_decline";

/** Stripe's decline codes, reasons of an outcome and error codes of payments (https://docs.stripe.com/error-codes). */
const ADVICE = new Map<string, Advice>([
  ...advice(
    "UPDATE_PAYMENT_METHOD",
    "Your card has insufficient funds. Pay with another card, or put money on this one.",
    "insufficient_funds",
  ),
  ...advice(
    "UPDATE_PAYMENT_METHOD",
    "Your card has expired. Add a card that is valid.",
    "expired_card invalid_expiry_month invalid_expiry_year",
  ),
  ...advice(
    "UPDATE_PAYMENT_METHOD",
    "The card's details are not right. Enter them again, or pay with another card.",
    "incorrect_address incorrect_cvc incorrect_number incorrect_zip invalid_cvc invalid_number invalid_account new_account_information_available",
  ),
  ...advice(
    "UPDATE_PAYMENT_METHOD",
    "This card cannot be used for this kind of payment. Pay with another card.",
    "card_not_supported currency_not_supported incorrect_pin invalid_pin offline_pin_required online_or_offline_pin_required pin_try_exceeded testmode_decline",
  ),
  ...advice(
    "UPDATE_PAYMENT_METHOD",
    "This way to pay cannot be used any more. Add another one.",
    "payment_method_not_available payment_method_customer_decline payment_method_provider_decline payment_method_unactivated account_closed no_account bank_account_restricted bank_account_unusable bank_account_unverified debit_not_authorized bank_account_declined revocation_of_all_authorizations revocation_of_authorization stop_payment_order payment_method_missing",
  ),
  ...advice(
    "AUTHENTICATE",
    "Your bank wants you to confirm this payment. Confirm it, or pay with another card.",
    "authentication_required approve_with_id mobile_device_authentication_required subscription_payment_intent_requires_action invoice_payment_intent_requires_action",
  ),
  ...advice(
    "AUTHENTICATE",
    "The payment was not confirmed with your bank. Try again and confirm it, or pay with another card.",
    "payment_intent_authentication_failure setup_intent_authentication_failure payment_intent_payment_attempt_expired",
  ),
  ...advice(
    "CONTACT_BANK",
    "Your bank declined the payment without a reason. Ask your bank, or pay with another card.",
    "call_issuer do_not_honor do_not_try_again no_action_taken not_permitted restricted_card service_not_allowed transaction_not_allowed refer_to_customer",
  ),
  ...advice(
    "CONTACT_BANK",
    "The payment exceeds a limit of your card. Ask your bank, or pay with another card.",
    "card_velocity_exceeded withdrawal_count_limit_exceeded invalid_amount amount_too_large charge_exceeds_source_limit charge_exceeds_transaction_limit",
  ),
  ...advice(
    "WAIT",
    "The payment could not be processed just now. It may work a little later.",
    "processing_error issuer_not_available reenter_transaction try_again_later duplicate_transaction payment_intent_payment_attempt_delayed card_decline_rate_limit_exceeded",
  ),
]);

/** Why a payment failed and what helps, in words for the learner; never the provider's own text. */
export function adviceOn(code: string | null | undefined): Advice {
  return ADVICE.get(shownCode(code) ?? PLAIN) ?? DECLINED;
}

/** The code as a learner may see it. */
export function shownCode(code: string | null | undefined): string | null {
  return code == null ? null : KEPT_BACK.has(code) ? PLAIN : code;
}
