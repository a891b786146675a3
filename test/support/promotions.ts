import type { Answer, TestService } from "./service.ts";

const CREATE = `mutation ($input: CreatePromotionInput!) {
  createPromotion(input: $input) {
    id code discount { percentOff amountOff { amount currency } duration months planId firstTimeOnly }
  }
}`;
const SHOWN = "query ($code: String) { promotions(code: $code) { nodes { redemptionCount deactivatedAt } } }";

let made = 0;
/** A code that no other test has. */
export const newCode = () => `OFF-${++made}`;

const adminOf = (service: TestService) => service.token("chief", "admin");

/** What an admin gets who makes a promotion. */
export const createPromotion = async (service: TestService, input: object): Promise<Answer> =>
  service.ask(CREATE, { input: { code: newCode(), ...input } }, await adminOf(service));

/** A code for a discount. */
export async function discountCode(
  service: TestService,
  discount: object,
  more: object = {},
): Promise<{ id: string; code: string }> {
  return (await createPromotion(service, { discount, ...more })).data.createPromotion;
}

/** A code as its admins see it. */
export async function shownPromotion(
  service: TestService,
  code: string,
): Promise<{ redemptionCount: number; deactivatedAt: string | null }> {
  return (await service.ask(SHOWN, { code }, await adminOf(service))).data.promotions.nodes[0];
}
