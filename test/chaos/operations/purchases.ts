import type { Learner, World } from "../world.ts";
import { openSession } from "./at-stripe.ts";
import { shownMethod } from "./methods.ts";
import { type Choice, choose, type Operations } from "./operation.ts";

const CREATE = `mutation ($input: CreatePurchaseInput!) {
  createPurchase(input: $input) { purchase { id status } checkoutUrl clientSecret }
}`;
const PURCHASES = "{ purchases { nodes { id status amount { amount } payment { id } } } }";
/** What is on sale in every history: see `World.open`. */
export const THINGS = [
  { resourceType: "COURSE", resourceId: "course-a" },
  { resourceType: "COURSE", resourceId: "course-b" },
  { resourceType: "LEARNING_PATH", resourceId: "path-of-both" },
] as const;

/** On a page, or with a card that is stored. */
export async function buy(world: World, learner: Learner, { pick, flag }: Choice, more: object = {}) {
  const method = flag ? await shownMethod(world, learner, { pick, flag }) : undefined;
  const way = method
    ? { paymentMethodId: method }
    : { successUrl: "https://learn.example.com/bought", cancelUrl: "https://learn.example.com/courses" };
  const input = {
    ...{ ...choose(THINGS, pick), ...way },
    // where an admin has made it; else it is refused
    ...(pick % 5 === 4 && { promotionCode: "half" }),
    ...more,
  };
  return world.ask(learner, CREATE, { input });
}

/** What a learner buys once. */
export const PURCHASE_OPERATIONS: Operations = {
  "buy something": {
    weight: 8,
    async run(world, learner, choice) {
      const answer = await buy(world, learner, choice);
      if (answer?.data?.createPurchase.checkoutUrl && choice.pick % 4 < 3) {
        const session = await openSession(world, learner, choice);
        if (session?.mode === "payment")
          await world.control(`checkout/sessions/${session.id}/complete`, { payment_method: "pm_card_visa" });
      }
      return answer;
    },
  },
  "buy something under a key": {
    weight: 3,
    run: (world, learner, choice) =>
      buy(world, learner, choice, { idempotencyKey: `buy-${choice.pick % 3}-${choice.flag}` }),
  },
  "buy something in two tabs": {
    weight: 4,
    run: (world, learner, { pick, flag }) =>
      Promise.all([buy(world, learner, { pick, flag }), buy(world, learner, { pick, flag: !flag })]),
  },
  "look at what was bought": { weight: 2, run: (world, learner) => world.ask(learner, PURCHASES) },
};
