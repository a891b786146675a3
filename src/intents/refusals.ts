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

/** A method that is gone, or that cannot pay this: a debit in another currency, say. */
export function unusableMethod(): DomainError {
  return new BadUserInput(
    "input.paymentMethodId",
    "This payment method cannot be used for this (any more). Choose another one.",
  );
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
  [/^default_payment_method/, unusableMethod],
];

function refusalOf(error: unknown): DomainError | undefined {
  const refused = refusedParam(error);
  const found = refused && REFUSALS.find(([param]) => param.test(refused));
  return found ? found[1]() : undefined;
}
