/** Why a card is refused, as Stripe says it. https://docs.stripe.com/declines/codes */
export interface Decline {
  code: string;
  decline_code: string;
  message: string;
}

const decline = (decline_code: string, message: string, code = "card_declined"): Decline => ({
  code,
  decline_code,
  message,
});

export const DECLINES = {
  generic: decline("generic_decline", "Your card was declined."),
  insufficient: decline("insufficient_funds", "Your card has insufficient funds."),
  lost: decline("lost_card", "Your card was declined."),
  stolen: decline("stolen_card", "Your card was declined."),
  velocity: decline(
    "card_velocity_exceeded",
    "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
  ),
  fraudulent: decline("fraudulent", "Your card was declined."),
  expired: decline("expired_card", "Your card has expired.", "expired_card"),
  cvc: decline("incorrect_cvc", "Your card's security code is incorrect.", "incorrect_cvc"),
  processing: decline(
    "processing_error",
    "An error occurred while processing your card. Try again in a little bit.",
    "processing_error",
  ),
  authenticationRequired: decline(
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
    "authentication_required",
  ),
  notATestCard: decline(
    "test_mode_live_card",
    "Your card was declined. Your request was in test mode, but used a non test card. For a list of valid test cards, visit: https://stripe.com/docs/testing.",
  ),
} satisfies Record<string, Decline>;

/** What a test card does. Without any of these it is simply good. */
export interface CardBehaviour {
  /** Refused when it is attached to a customer, and when it is charged. */
  declines?: Decline;
  /** Attaches, then is refused at every charge. */
  declinesCharges?: Decline;
  /**
   * Asks for 3-D Secure: at every payment; only while its holder is there, or until it has been set up
   * for payments without them; or only while its holder is there.
   */
  authentication?: "always" | "until_set_up" | "on_session";
  /** What becomes of a charge later. */
  dispute?: "fraudulent" | "product_not_received" | "inquiry";
  refund?: "pending_then_succeeded" | "succeeded_then_failed";
}

/** A test card: `pm_card_NAME` and `tok_NAME` for each of its names. */
export interface TestCard extends CardBehaviour {
  names: string[];
  number: string;
  brand: string;
  funding: "credit" | "debit" | "prepaid";
  country: string;
  /** Said on the payment page's list; cards without it are not listed. */
  hint?: string;
}

function card(names: string, number: string, more: Partial<TestCard> = {}): TestCard {
  return { names: names.split(" "), number, brand: "visa", funding: "credit", country: "US", ...more };
}

/** Every test card the sandbox knows. https://docs.stripe.com/testing */
export const testCards: TestCard[] = [
  card("visa us", "4242424242424242", { hint: "succeeds" }),
  card("visa_debit", "4000056655665556", { funding: "debit" }),
  card("mastercard", "5555555555554444", { brand: "mastercard" }),
  card("mastercard_2series", "2223003122003222", { brand: "mastercard" }),
  card("mastercard_debit", "5200828282828210", { brand: "mastercard", funding: "debit" }),
  card("mastercard_prepaid", "5105105105105100", { brand: "mastercard", funding: "prepaid" }),
  card("amex", "378282246310005", { brand: "amex" }),
  card("discover", "6011111111111117", { brand: "discover" }),
  card("diners", "3056930009020004", { brand: "diners" }),
  card("jcb", "3566002020360505", { brand: "jcb", country: "JP" }),
  card("unionpay", "6200000000000005", { brand: "unionpay", country: "CN" }),
  card("br", "4000000760000002", { country: "BR" }),
  card("ca", "4000001240000000", { country: "CA" }),
  card("mx", "4000004840008001", { country: "MX" }),
  card("de", "4000002760000016", { country: "DE" }),
  card("fr", "4000002500000003", { country: "FR" }),
  card("gb", "4000008260000000", { country: "GB" }),
  card("bypassPending", "4000000000000077"),
  card("visa_chargeDeclined chargeDeclined", "4000000000000002", {
    declines: DECLINES.generic,
    hint: "is declined",
  }),
  card("visa_chargeDeclinedInsufficientFunds chargeDeclinedInsufficientFunds", "4000000000009995", {
    declines: DECLINES.insufficient,
    hint: "has insufficient funds",
  }),
  card("visa_chargeDeclinedLostCard chargeDeclinedLostCard", "4000000000009987", { declines: DECLINES.lost }),
  card("visa_chargeDeclinedStolenCard chargeDeclinedStolenCard", "4000000000009979", {
    declines: DECLINES.stolen,
  }),
  card("chargeDeclinedExpiredCard visa_chargeDeclinedExpiredCard", "4000000000000069", {
    declines: DECLINES.expired,
  }),
  card("chargeDeclinedIncorrectCvc visa_chargeDeclinedIncorrectCvc", "4000000000000127", {
    declines: DECLINES.cvc,
  }),
  card("chargeDeclinedProcessingError visa_chargeDeclinedProcessingError", "4000000000000119", {
    declines: DECLINES.processing,
  }),
  card("visa_chargeDeclinedVelocityLimitExceeded chargeDeclinedVelocityLimitExceeded", "4000000000006975", {
    declines: DECLINES.velocity,
  }),
  card("radarBlock visa_chargeDeclinedFraudulent chargeDeclinedFraudulent", "4100000000000019", {
    declines: DECLINES.fraudulent,
  }),
  card("chargeCustomerFail", "4000000000000341", {
    declinesCharges: DECLINES.generic,
    hint: "attaches, then is declined",
  }),
  card("authenticationRequired threeDSecure2Required", "4000002760003184", {
    authentication: "always",
    country: "DE",
    hint: "asks for 3-D Secure",
  }),
  card("authenticationRequiredOnSetup", "4000002500003155", {
    authentication: "until_set_up",
    country: "FR",
  }),
  card("authenticationRequiredSetupForOffSession", "4000003800000446", {
    authentication: "on_session",
    country: "PL",
  }),
  card("authenticationRequiredChargeDeclinedInsufficientFunds", "4000008260003178", {
    authentication: "always",
    declinesCharges: DECLINES.insufficient,
    country: "GB",
  }),
  card("threeDSecureRequired", "4000000000003220", { authentication: "always" }),
  card("threeDSecureOptional", "4000000000003055"),
  card("threeDSecureNotSupported", "378282246310005", { brand: "amex" }),
  card("createDispute", "4000000000000259", { dispute: "fraudulent" }),
  card("createDisputeProductNotReceived", "4000000000002685", { dispute: "product_not_received" }),
  card("createDisputeInquiry", "4000000000001976", { dispute: "inquiry" }),
  card("pendingRefund", "4000000000007726", { refund: "pending_then_succeeded" }),
  card("refundFail", "4000000000005126", { refund: "succeeded_then_failed" }),
];

const byName = new Map(testCards.flatMap((entry) => entry.names.map((name) => [name, entry] as const)));
const byNumber = new Map([...testCards].reverse().map((entry) => [entry.number, entry] as const));

/** The card behind `pm_card_visa` or `tok_visa`. */
export function cardByToken(token: string): TestCard | undefined {
  return byName.get(token.replace(/^(pm_card|tok)_/, ""));
}

/** The last digit of a card number checks the others (ISO/IEC 7812-1). */
export function passesLuhn(number: string): boolean {
  let sum = 0;
  for (const [index, digit] of [...number].reverse().entries()) {
    const value = Number(digit) * (index % 2 === 1 ? 2 : 1);
    sum += value > 9 ? value - 9 : value;
  }
  return /^\d{12,19}$/.test(number) && sum % 10 === 0;
}

/** The card of a number. Numbers that are none of the test cards are declined, as in Stripe's test mode. */
export function cardByNumber(number: string): TestCard {
  return byNumber.get(number) ?? { ...card("", number), declines: DECLINES.notATestCard };
}
