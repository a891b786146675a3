import { adviceOn, NEXT_STEPS, shownCode } from "../../src/declines.ts";

/** https://docs.stripe.com/declines/codes */
const DECLINE_CODES =
  `authentication_required approve_with_id call_issuer card_not_supported card_velocity_exceeded
  currency_not_supported do_not_honor do_not_try_again duplicate_transaction expired_card fraudulent generic_decline
  incorrect_address incorrect_cvc incorrect_number incorrect_pin incorrect_zip insufficient_funds invalid_account
  invalid_amount invalid_cvc invalid_expiry_month invalid_expiry_year invalid_number invalid_pin issuer_not_available
  lost_card merchant_blacklist mobile_device_authentication_required new_account_information_available no_action_taken
  not_permitted offline_pin_required online_or_offline_pin_required pickup_card pin_try_exceeded processing_error
  reenter_transaction restricted_card revocation_of_all_authorizations revocation_of_authorization security_violation
  service_not_allowed stolen_card stop_payment_order testmode_decline transaction_not_allowed try_again_later
  withdrawal_count_limit_exceeded`.split(/\s+/);

const KEPT_BACK = [
  "fraudulent",
  "lost_card",
  "merchant_blacklist",
  "pickup_card",
  "security_violation",
  "stolen_card",
];

test.each([...DECLINE_CODES, "a_code_of_next_year", null, undefined])(
  "%s has a sentence for the learner and a next step",
  (code) => {
    const { message, nextStep } = adviceOn(code);
    expect(NEXT_STEPS).toContain(nextStep);
    expect(message).toMatch(/^[A-Z].*\.$/);
    expect(message).not.toMatch(/_|Stripe|fraud|stolen|lost/i);
  },
);

test.each([
  ["insufficient_funds", "UPDATE_PAYMENT_METHOD"],
  ["expired_card", "UPDATE_PAYMENT_METHOD"],
  ["incorrect_cvc", "UPDATE_PAYMENT_METHOD"],
  ["authentication_required", "AUTHENTICATE"],
  ["do_not_honor", "CONTACT_BANK"],
  ["card_velocity_exceeded", "CONTACT_BANK"],
  ["processing_error", "WAIT"],
  ["try_again_later", "WAIT"],
  ["generic_decline", "UPDATE_PAYMENT_METHOD"],
] as const)("%s leads to %s", (code, nextStep) => {
  expect(adviceOn(code).nextStep).toBe(nextStep);
});

test.each(KEPT_BACK)("%s is told to whoever holds the card as a plain decline", (code) => {
  expect(shownCode(code)).toBe("generic_decline");
  expect(adviceOn(code)).toEqual(adviceOn("generic_decline"));
});

test("other codes are shown as they are, and no code as none", () => {
  for (const code of DECLINE_CODES.filter((one) => !KEPT_BACK.includes(one)))
    expect(shownCode(code)).toBe(code);
  expect(shownCode(null)).toBeNull();
});
