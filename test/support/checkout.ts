import type { Answer, TestService } from "./service.ts";

export const CREATE_CHECKOUT = `mutation ($input: CreateCheckoutSessionInput!) {
  createCheckoutSession(input: $input) { id url expiresAt }
}`;
export const CONFIRM = `mutation ($id: ID!) {
  confirmCheckout(sessionId: $id) { isPaid subscription { id status grantsAccess plan { name } } }
}`;
export const STATUS = `{ subscriptionStatus { id status grantsAccess quantity plan { name tier } } }`;
export const COURSE_ACCESS = `{ accessTo(resourceType: COURSE, resourceId: "any-course") { granted source expiresAt } }`;

/** The id of a plan that is on sale, by name. */
export async function planId(service: TestService, name = "Premium"): Promise<string> {
  const { data } = await service.ask("{ plans { id name } }");
  return data.plans.find((plan: { name: string }) => plan.name === name).id;
}

/** What a frontend sends for a checkout of a plan. */
export async function checkoutInput(service: TestService, plan = "Premium") {
  return {
    planId: await planId(service, plan),
    successUrl: "https://learn.example.com/welcome?session={CHECKOUT_SESSION_ID}",
    cancelUrl: "https://learn.example.com/plans",
  };
}

/** Opens a checkout for the bearer of a token. */
export async function openCheckout(service: TestService, token: string, more: object = {}): Promise<Answer> {
  return service.ask(CREATE_CHECKOUT, { input: { ...(await checkoutInput(service)), ...more } }, token);
}

/** Makes the bearer of a token a subscriber, and returns the subscription once the platform is open to them. */
export async function subscribe(
  service: TestService,
  token: string,
): Promise<{ id: string; sessionId: string }> {
  const { data, errors } = await openCheckout(service, token);
  if (errors) throw new Error(`There is no page to pay on: ${JSON.stringify(errors)}`);
  const sessionId: string = data.createCheckoutSession.id;
  await service.pay(sessionId);
  const confirmed = await service.ask(CONFIRM, { id: sessionId }, token);
  return { id: confirmed.data.confirmCheckout.subscription.id, sessionId };
}
