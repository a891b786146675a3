import { intervalText } from "../billing/invoices/lines.ts";
import type { Kinds } from "../kinds.ts";
import { formatMoney } from "../money.ts";

/** "December 9, 2026" */
export function day(seconds: number): string {
  const format = new Intl.DateTimeFormat("en-US", { dateStyle: "long", timeZone: "UTC" });
  return format.format(new Date(seconds * 1000));
}

/** "per month", "every 3 months"; nothing for what is bought once. */
export function rhythm(price: Kinds["price"]): string {
  if (!price.recurring) return "";
  return price.recurring.interval_count === 1 ? `per ${intervalText(price)}` : `every ${intervalText(price)}`;
}

/** "20% off for 3 months" */
export function couponWords(coupon: Kinds["coupon"], currency: string): string {
  const off =
    coupon.percent_off === null
      ? `${formatMoney(coupon.currency_options?.[currency]?.amount_off ?? coupon.amount_off ?? 0, currency)} off`
      : `${coupon.percent_off}% off`;
  if (coupon.duration === "forever") return `${off}, every time`;
  if (coupon.duration === "once") return off;
  const months = coupon.duration_in_months ?? 1;
  return `${off} for ${months === 1 ? "a month" : `${months} months`}`;
}
