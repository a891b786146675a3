import type { EntityManager } from "@mikro-orm/postgresql";
import { validate as isUuid } from "uuid";
import { Plan } from "../entities/plan.ts";
import { BadUserInput } from "../errors.ts";
import type { StripeGateway } from "../stripe/gateway.ts";
import { idOf } from "../sync/values.ts";
import type { PromotionTerms } from "./promotion-terms.ts";

/**
 * Stripe counts attempts, also those that a bank refused; we count uses, exactly. So its own cap is a wide one: the last
 * guard against somebody who redeems the code past us.
 */
const ATTEMPTS_PER_USE = 10;
const STRIPES_MOST = 2_147_483_647;

/**
 * The coupon and the code that stand for a discount at Stripe, as parameters without ids.
 * @throws BadUserInput for a plan that there is not, that is not sold by Stripe, or that is in another currency
 */
export async function discountAtStripe(
  { em, stripe }: { em: EntityManager; stripe: StripeGateway },
  terms: PromotionTerms,
): Promise<Record<string, unknown>> {
  const { percentOff, amountOffMinor, currency, duration, months, endsAt, maxRedemptions } = terms;
  const product = terms.planId ? await productOf(em, stripe, terms) : null;
  const expires_at = endsAt && Math.ceil(endsAt.getTime() / 1000);
  return {
    coupon: {
      name: terms.code,
      duration: duration?.toLowerCase(),
      ...(percentOff && { percent_off: percentOff }),
      ...(amountOffMinor && { amount_off: amountOffMinor, currency: currency?.toLowerCase() }),
      ...(months && { duration_in_months: months }),
      ...(product && { applies_to: { products: [product] } }),
    },
    code: {
      code: terms.code,
      ...(expires_at && { expires_at }),
      ...(maxRedemptions && {
        max_redemptions: Math.min(maxRedemptions * ATTEMPTS_PER_USE, STRIPES_MOST),
      }),
      ...(terms.firstTimeOnly && { restrictions: { first_time_transaction: true } }),
    },
  };
}

async function productOf(
  em: EntityManager,
  stripe: StripeGateway,
  { planId, currency }: PromotionTerms,
): Promise<string> {
  const field = "input.discount.planId";
  const plan = isUuid(planId) ? await em.findOne(Plan, { id: planId as string }) : null;
  if (!plan?.stripePriceId) throw new BadUserInput(field, "There is no such plan, or nothing to pay for it.");
  if (currency && currency !== plan.currency)
    throw new BadUserInput("input.discount.currency", `This plan is paid in ${plan.currency}.`);
  const product = idOf((await stripe.price(plan.stripePriceId))?.product);
  if (!product) throw new BadUserInput(field, "Stripe does not sell this plan.");
  return product;
}
