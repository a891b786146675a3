import { type ApiError, invalidRequest } from "../../errors.ts";
import { formatMoney, minimumCharge, stepOf } from "../../money.ts";

/** Eight digits. */
const MAXIMUM = 99_999_999;

/** How a refusal names the amount. */
interface Name {
  noun: string;
  param?: string;
}

const AMOUNT: Name = { noun: "Amount", param: "amount" };

/** Throws `amount_too_small`, `amount_too_large` or, for an amount that cannot be paid exactly, `invalid_charge_amount`. */
export function assertChargeable(amount: number, currency: string, name: Name = AMOUNT): void {
  const refusal = chargeRefusal(amount, currency, name);
  if (refusal) throw refusal;
}

/** Why so much cannot be charged; undefined when it can. */
export function chargeRefusal(
  amount: number,
  currency: string,
  { noun, ...named }: Name = AMOUNT,
): ApiError | undefined {
  if (amount < minimumCharge(currency)) {
    const least = formatMoney(minimumCharge(currency), currency);
    const message = `${noun} must be at least ${least} ${currency}`;
    return invalidRequest(message, { ...named, code: "amount_too_small" });
  }
  if (amount > MAXIMUM) {
    const most = formatMoney(MAXIMUM, currency);
    const message = `${noun} must be no more than ${most} ${currency}`;
    return invalidRequest(message, { ...named, code: "amount_too_large" });
  }
  return stepRefusal(amount, currency, named);
}

/**
 * Refuses an amount that nobody could pay exactly: 1.50 krónur, or 1.001 dinars.
 * https://docs.stripe.com/currencies#special-cases
 */
export function assertPayable(amount: number, currency: string, param: string): void {
  const refusal = stepRefusal(amount, currency, { param });
  if (refusal) throw refusal;
}

function stepRefusal(amount: number, currency: string, named: { param?: string }): ApiError | undefined {
  const step = stepOf(currency);
  if (amount % step === 0) return undefined;
  const message = `Invalid amount: ${currency} is charged in steps of ${step}.`;
  return invalidRequest(message, { ...named, code: "invalid_charge_amount" });
}
