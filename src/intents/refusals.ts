import { BadUserInput, type DomainError, PromotionNotApplicable } from "../errors.ts";
import { refusedParam } from "../stripe/errors.ts";

/** Stripe's refusal of what a client has chosen, said of the client's own field. */
export async function said<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw refusalOf(error) ?? error;
  }
}

const REFUSALS: [param: RegExp, refusal: () => DomainError][] = [
  [
    /^(discounts|promotion_code|coupon)/,
    () =>
      new PromotionNotApplicable(
        "input.promotionCode",
        "This code cannot be used for this plan, or not by you.",
      ),
  ],
  [
    /^default_payment_method/,
    () =>
      new BadUserInput(
        "input.paymentMethodId",
        "This payment method cannot be used (any more). Choose another one.",
      ),
  ],
];

function refusalOf(error: unknown): DomainError | undefined {
  const refused = refusedParam(error);
  const found = refused && REFUSALS.find(([param]) => param.test(refused));
  return found ? found[1]() : undefined;
}
