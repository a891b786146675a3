import type { Answer, TestService } from "./service.ts";
import { stripeOf } from "./stripe.ts";

export const METHODS = "{ paymentMethods { id type brand last4 expMonth expYear isDefault createdAt } }";
const ADD = `mutation ($input: AddPaymentMethodInput!) {
  addPaymentMethod(input: $input) { id type brand last4 expMonth expYear isDefault createdAt }
}`;

/** What Stripe.js makes of a card: a method that is nobody's yet. */
export async function newMethod(service: TestService, token = "tok_visa"): Promise<string> {
  const { id } = await stripeOf(service).paymentMethods.create({ type: "card", card: { token } });
  return id;
}

/** The bearer of a token adds what Stripe.js made of a card. */
export async function addCard(
  service: TestService,
  token: string,
  card = "tok_visa",
  more: object = {},
): Promise<Answer> {
  return addMethod(service, token, await newMethod(service, card), more);
}

export const addMethod = (service: TestService, token: string, method: string, more: object = {}) =>
  service.ask(ADD, { input: { stripePaymentMethodId: method, ...more } }, token);
