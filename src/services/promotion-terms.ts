import { countingOf } from "../currencies.ts";
import { codeKeyOf, type Promotion } from "../entities/promotion.ts";
import { BadUserInput } from "../errors.ts";
import type {
  CreatePromotionInput,
  PromotionAccessInput,
  PromotionDiscountInput,
} from "../resolvers/inputs/promotion.inputs.ts";

/** What a promotion is made of, as an admin asks for it. */
export type PromotionTerms = Partial<Promotion> & Pick<Promotion, "code" | "codeKey" | "startsAt">;

/** The columns of a new promotion. @throws BadUserInput for what contradicts itself */
export function termsOf(input: CreatePromotionInput, now: Date): PromotionTerms {
  const { code, access, discount, endsAt = null, maxRedemptions = null } = input;
  const startsAt = input.startsAt ?? now;
  if (!access === !discount)
    throw new BadUserInput("input.discount", "A promotion gives access or a discount: say which.");
  if (endsAt && endsAt <= now) throw new BadUserInput("input.endsAt", "This end has passed.");
  if (endsAt && endsAt <= startsAt)
    throw new BadUserInput("input.endsAt", "A promotion ends after it has begun.");
  return {
    ...{ code, codeKey: codeKeyOf(code), startsAt, endsAt, maxRedemptions },
    ...{ maxPerUser: input.maxRedemptionsPerUser, firstTimeOnly: discount?.firstTimeOnly ?? false },
    ...(access && accessTerms(access)),
    ...(discount && discountTerms(discount)),
  };
}

function accessTerms({ scope, resourceId = null, days = null }: PromotionAccessInput): Partial<Promotion> {
  if ((scope === "PLATFORM") !== (resourceId === null))
    throw new BadUserInput(
      "input.access.resourceId",
      scope === "PLATFORM" ? "The platform is no resource: leave this out." : "Which course or path?",
    );
  return { scope, resourceId, days };
}

function discountTerms(discount: PromotionDiscountInput): Partial<Promotion> {
  const { percentOff = null, amountOff: amountOffMinor = null, currency = null, duration } = discount;
  const { months = null, planId = null, resourceType: itemType = null, resourceId: itemId = null } = discount;
  const rules: [isBroken: boolean, field: string, message: string][] = [
    [(percentOff === null) === (amountOffMinor === null), "amountOff", "Either a percentage or an amount."],
    [(amountOffMinor === null) !== (currency === null), "currency", "An amount is in a currency."],
    [(duration === "REPEATING") !== (months !== null), "months", "With REPEATING, and only then."],
    [(itemType === null) !== (itemId === null), "resourceId", "A resource has a type and an id."],
    [planId !== null && itemType !== null, "planId", "For a plan or for a resource, not for both."],
    [itemType !== null && duration !== "ONCE", "duration", "What is bought once is discounted ONCE."],
    [itemType !== null && discount.firstTimeOnly, "firstTimeOnly", "This is for subscriptions only."],
  ];
  const counting = currency === null ? null : countingOf(currency);
  const isOdd = (amountOffMinor ?? 0) % (counting?.step ?? 1) !== 0;
  rules.push(
    [counting === undefined, "currency", "Stripe charges nothing in this currency."],
    [isOdd, "amountOff", `An amount in ${currency} is a multiple of ${counting?.step} minor units.`],
  );
  const broken = rules.find(([isBroken]) => isBroken);
  if (broken) throw new BadUserInput(`input.discount.${broken[1]}`, broken[2]);
  return { percentOff, amountOffMinor, currency, duration, months, planId, itemType, itemId };
}
