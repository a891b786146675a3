import type Stripe from "stripe";
import { openCheckout, planId } from "./checkout.ts";
import { type Answer, eventually, newUser, type TestService } from "./service.ts";
import { customerOf, stripeOf } from "./stripe.ts";

const DAY = 86_400;
const FIELDS = `id status quantity grantsAccess cancelAtPeriodEnd currentPeriodEnd trialEndsAt endedAt
  plan { name } scheduledPlan { name }`;
const CHANGE_PLAN = `mutation ($input: ChangePlanInput!) {
  changePlan(input: $input) { clientSecret subscription { ${FIELDS} } }
}`;
const PREVIEW = `query ($id: ID!, $plan: ID!, $quantity: Int) {
  previewPlanChange(subscriptionId: $id, planId: $plan, quantity: $quantity) {
    amountDueNow { amount currency } nextInvoiceTotal { amount } appliesImmediately effectiveAt prorationDate
    lines { description amount { amount } }
  }
}`;

/** Somebody who subscribes, as stories tell of them; also what Stripe has of them. */
export interface Learner {
  userId: string;
  token: string;
  ask(query: string, variables?: object): Promise<Answer>;
  /** Becomes a subscriber by a Checkout page. Returns the subscription's id. */
  subscribe(plan?: string, quantity?: number): Promise<string>;
  /** What the API shows of the subscription. */
  subscription(): Promise<Shown>;
  /** Waits until the API shows it so. */
  until(isSo: (shown: Shown) => boolean): Promise<Shown>;
  changePlan(plan: string, more?: object): Promise<Answer>;
  preview(plan: string, quantity?: number): Promise<Answer>;
  cancel(more?: object): Promise<Answer>;
  resume(): Promise<Answer>;
  /** Pays with another card from now on. */
  swapCard(token: string): Promise<void>;
  /** The latest subscription as Stripe has it. */
  remote(): Promise<Stripe.Subscription>;
  /** Invoices of the customer, newest first. */
  invoices(): Promise<Stripe.Invoice[]>;
  /** Moves the sandbox's time to so many days after the end of the period. */
  passPeriod(days?: number): Promise<void>;
  may(): Promise<boolean>;
}

/** What {@link Learner.subscription} shows. */
// biome-ignore lint/suspicious/noExplicitAny: tests read what they asked for
export type Shown = any;

/** Somebody new. */
export async function newLearner(service: TestService): Promise<Learner> {
  const userId = newUser();
  const token = await service.token(userId);
  const stripe = stripeOf(service);
  const ask = (query: string, variables: object = {}) => service.ask(query, variables, token);
  const subscription = async () =>
    (await ask(`{ subscriptionStatus { ${FIELDS} } }`)).data?.subscriptionStatus;
  const customer = () => customerOf(service, userId);
  const remote = async () =>
    (await stripe.subscriptions.list({ customer: await customer(), status: "all" })).data[0]!;
  const id = async () => (await subscription()).id;
  return {
    ...{ userId, token, ask, subscription, remote },
    async subscribe(plan = "Premium", quantity = 1) {
      const { data } = await openCheckout(service, token, { planId: await planId(service, plan), quantity });
      const sessionId: string = data.createCheckoutSession.id;
      await service.pay(sessionId);
      const confirm = "mutation ($id: ID!) { confirmCheckout(sessionId: $id) { subscription { id } } }";
      return (await ask(confirm, { id: sessionId })).data.confirmCheckout.subscription.id;
    },
    until: (isSo) => eventually(subscription, (shown) => shown !== null && isSo(shown)),
    changePlan: async (plan, more = {}) =>
      ask(CHANGE_PLAN, {
        input: { subscriptionId: await id(), planId: await planId(service, plan), ...more },
      }),
    preview: async (plan, quantity) =>
      ask(PREVIEW, { id: await id(), plan: await planId(service, plan), quantity }),
    cancel: async (more = {}) =>
      ask(
        `mutation ($input: CancelSubscriptionInput!) { cancelSubscription(input: $input) { ${FIELDS} canceledAt } }`,
        { input: { id: await id(), ...more } },
      ),
    resume: async () =>
      ask(`mutation ($id: ID!) { resumeSubscription(id: $id) { ${FIELDS} } }`, { id: await id() }),
    async swapCard(card) {
      const method = await stripe.paymentMethods.attach(card, { customer: await customer() });
      await stripe.subscriptions.update((await remote()).id, { default_payment_method: method.id });
    },
    invoices: async () => (await stripe.invoices.list({ customer: await customer() })).data,
    async passPeriod(days = 0.1) {
      const end = (await remote()).items.data[0]!.current_period_end;
      await passTime(service, (end - service.sandbox.now().getTime() / 1000) / DAY + days);
    },
    may: async () =>
      (await ask('{ accessTo(resourceType: COURSE, resourceId: "any") { granted } }')).data.accessTo.granted,
  };
}

/** Moves the sandbox's time, and waits until the service has followed. */
export async function passTime(service: TestService, days: number): Promise<void> {
  await fetch(`${service.sandbox.url}/sandbox/advance`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ seconds: Math.ceil(days * DAY) }),
  });
  await eventually(
    () => service.sandbox.now().getTime() - service.app.parts.clock.now().getTime(),
    (behind) => behind < 5_000,
  );
}
