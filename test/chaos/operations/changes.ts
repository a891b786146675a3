import type { Learner, World } from "../world.ts";
import { CARDS, customerOf } from "./at-stripe.ts";
import { type Choice, choose, ifFound, type Operations } from "./operation.ts";

const PLANS = ["Premium", "Premium Annual", "Enterprise"];

const CREATE = `mutation ($input: CreateSubscriptionInput!) {
  createSubscription(input: $input) { clientSecret subscription { id status } }
}`;
const CHANGE = `mutation ($input: ChangePlanInput!) { changePlan(input: $input) { subscription { id status } } }`;
const CANCEL = `mutation ($input: CancelSubscriptionInput!) { cancelSubscription(input: $input) { id status } }`;
const RESUME = "mutation ($id: ID!) { resumeSubscription(id: $id) { id status } }";
const PREVIEW = `query ($id: ID!, $plan: ID!) {
  previewPlanChange(subscriptionId: $id, planId: $plan) { amountDueNow { amount } }
}`;
const ADD = `mutation ($card: String!, $isDefault: Boolean!) {
  addPaymentMethod(input: { stripePaymentMethodId: $card, setDefault: $isDefault }) { id }
}`;

async function planNamed(world: World, learner: Learner, name: string): Promise<string | undefined> {
  const answer = await world.ask(learner, "{ plans { id name } }");
  return answer?.data?.plans.find((plan: { name: string }) => plan.name === name)?.id;
}

/** Any of the learner's subscriptions as our rows have them: what has ended is tried as well. */
async function anySubscription(world: World, learner: Learner, { pick }: Choice) {
  const rows = await world.rows<{ id: string }>(
    "select id from subscriptions where user_id = $1 order by stripe_created_at desc, id limit 2",
    [learner.id],
  );
  return choose(rows, pick % 5 === 4 ? 1 : 0)?.id;
}

async function change(world: World, learner: Learner, choice: Choice) {
  const subscriptionId = await anySubscription(world, learner, choice);
  const name = choose([...PLANS, "Enterprise", "Free"], choice.pick) as string;
  const plan = await planNamed(world, learner, name);
  if (!subscriptionId || !plan) return undefined;
  const quantity = name === "Enterprise" ? 1 + (choice.pick % 4) : undefined;
  return world.ask(learner, CHANGE, { input: { subscriptionId, planId: plan, quantity } });
}

async function cancel(world: World, learner: Learner, choice: Choice) {
  const id = await anySubscription(world, learner, choice);
  return id && world.ask(learner, CANCEL, { input: { id, atPeriodEnd: choice.flag } });
}

async function resume(world: World, learner: Learner, choice: Choice) {
  const id = await anySubscription(world, learner, choice);
  return id && world.ask(learner, RESUME, { id });
}

/** What a subscriber does with the service: all that changes something at Stripe but Checkout. */
export const CHANGE_OPERATIONS: Operations = {
  "subscribe with a stored card": {
    weight: 6,
    async run(world, learner, { pick, flag }) {
      const card = choose([...CARDS, "pm_card_authenticationRequired"], pick);
      await world.ask(learner, ADD, { card, isDefault: true });
      const plan = await planNamed(world, learner, choose(PLANS, pick) as string);
      const key = flag ? { idempotencyKey: `create-${pick % 3}` } : {};
      return plan && world.ask(learner, CREATE, { input: { planId: plan, ...key } });
    },
  },
  "change the plan": { weight: 7, run: change },
  "look at what a change would cost": {
    weight: 1,
    run: async (world, learner, choice) => {
      const id = await anySubscription(world, learner, choice);
      const plan = await planNamed(world, learner, choose(PLANS, choice.pick) as string);
      return id && plan && world.ask(learner, PREVIEW, { id, plan });
    },
  },
  cancel: { weight: 4, run: cancel },
  resume: { weight: 4, run: resume },
  "change it in two tabs": {
    weight: 3,
    run: (world, learner, choice) =>
      Promise.all([
        change(world, learner, choice),
        choose([cancel, resume, change], choice.pick)!(world, learner, { ...choice, pick: choice.pick + 1 }),
      ]),
  },
  "the bank is answered": {
    weight: 4,
    run: ifFound(customerOf, async (world, customer, { pick, flag }) => {
      const { data } = await world.stripe.paymentIntents.list({ customer });
      const asked = choose(
        data.filter(({ status }) => status === "requires_action"),
        pick,
      );
      return (
        asked &&
        world.control(`payment_intents/${asked.id}/authenticate`, { outcome: flag ? "succeed" : "fail" })
      );
    }),
  },
};
