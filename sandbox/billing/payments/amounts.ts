import { ApiError, invalidParameter } from "../../errors.ts";
import { formatMoney, minimumCharge } from "../../money.ts";

const MAXIMUM = 99_999_999;

/** Currencies whose smallest charge is a round number of minor units. */
const STEPS: Record<string, number> = { bhd: 10, jod: 10, kwd: 10, omr: 10, tnd: 10, isk: 100, ugx: 100 };

/** Throws `amount_too_small`, `amount_too_large` or, for an amount that cannot be paid exactly, `invalid_charge_amount`. */
export function assertChargeable(amount: number, currency: string, param = "amount"): void {
  if (amount < minimumCharge(currency)) {
    const least = formatMoney(minimumCharge(currency), currency);
    throw refused(`Amount must be at least ${least} ${currency}`, "amount_too_small", param);
  }
  if (amount > MAXIMUM) {
    const most = formatMoney(MAXIMUM, currency);
    throw refused(`Amount must be no more than ${most} ${currency}`, "amount_too_large", param);
  }
  const step = STEPS[currency] ?? 1;
  if (amount % step !== 0)
    throw invalidParameter(
      param,
      `Invalid amount: ${currency} is charged in steps of ${step}.`,
      "invalid_charge_amount",
    );
}

function refused(message: string, code: string, param: string): ApiError {
  return new ApiError(400, { type: "invalid_request_error", code, message, param });
}
