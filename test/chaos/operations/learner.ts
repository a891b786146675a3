import { CONFIRM, CREATE_CHECKOUT } from "../../support/checkout.ts";
import type { Learner, World } from "../world.ts";
import { openSession } from "./at-stripe.ts";
import { type Choice, choose, type Operations } from "./operation.ts";

const PLANS = ["Premium", "Premium Annual", "Enterprise"];
const PAYERS = ["pm_card_visa", "pm_card_visa", "pm_card_visa_chargeDeclined", "pm_card_createDispute"];

/** What a learner sees of themselves: every row that has a GraphQL field. */
const EVERYTHING = `{
  subscriptionStatus { id status grantsAccess currentPeriodEnd plan { name } paymentProblem { code nextStep } }
  paymentMethods { id isDefault }
  payments { nodes { id status amount { amount } amountRefunded { amount } } }
  accessTo(resourceType: COURSE, resourceId: "any-course") { granted source expiresAt }
}`;

/** A learner wants to subscribe: what the service answers. */
export const checkoutAnswer = (world: World, learner: Learner) => checkout(world, learner, "Premium");

async function checkout(world: World, learner: Learner, name: string, key?: string) {
  const plans = await world.ask(learner, "{ plans { id name } }");
  const plan = plans?.data?.plans.find((one: { name: string }) => one.name === name);
  const input = {
    planId: plan?.id,
    successUrl: "https://learn.example.com/welcome",
    cancelUrl: "https://learn.example.com/plans",
    ...(key && { idempotencyKey: key }),
  };
  return plan ? world.ask(learner, CREATE_CHECKOUT, { input }) : undefined;
}

async function pay(world: World, learner: Learner, choice: Choice, cards: readonly string[]) {
  const session = await openSession(world, learner, choice);
  const payment_method = choose(cards, choice.pick);
  return session && world.control(`checkout/sessions/${session.id}/complete`, { payment_method });
}

/** What a learner does with the service, and on the pages that it leads to. */
export const LEARNER_OPERATIONS: Operations = {
  subscribe: {
    weight: 14,
    async run(world, learner, choice) {
      await checkout(world, learner, choose(PLANS, choice.pick) as string);
      return pay(world, learner, choice, ["pm_card_visa"]);
    },
  },
  "open a checkout": {
    weight: 6,
    run: (world, learner, { pick }) => checkout(world, learner, choose(PLANS, pick) as string),
  },
  "open a checkout under a key": {
    weight: 3,
    run: (world, learner, { pick }) =>
      checkout(world, learner, choose(PLANS, pick % 2) as string, `key-${pick % 2}`),
  },
  "open checkouts in two tabs": {
    weight: 3,
    run: (world, learner, { pick, flag }) =>
      Promise.all([
        checkout(world, learner, choose(PLANS, pick) as string),
        checkout(world, learner, choose(PLANS, pick + Number(flag)) as string),
      ]),
  },
  pay: { weight: 6, run: (world, learner, choice) => pay(world, learner, choice, PAYERS) },
  "come back from paying": {
    weight: 4,
    async run(world, learner, { pick }) {
      const [newest] = await world.rows<{ id: string }>(
        "select id from checkout_sessions where user_id = $1 order by expires_at desc limit 1",
        [learner.id],
      );
      return newest && world.ask(learner, CONFIRM, { id: pick % 9 === 8 ? "cs_test_of_nobody" : newest.id });
    },
  },
  look: { weight: 4, run: (world, learner) => world.ask(learner, EVERYTHING) },
};
