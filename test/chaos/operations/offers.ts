import { hashOf } from "../../../src/hash.ts";
import { choose, type Operations } from "./operation.ts";
import { THINGS } from "./purchases.ts";

const PRICE =
  "mutation ($input: UpsertOfferInput!) { upsertOffer(input: $input) { price { amount } courseIds } }";

/** What staff say of what is sold, while it is being bought. */
export const OFFER_OPERATIONS: Operations = {
  "something has another price": {
    weight: 3,
    run(world, learner, { pick, flag }) {
      const thing = choose(THINGS, pick);
      const ofPath = { creditsOwnedCourses: flag, courseIds: flag ? ["course-b", "course-a"] : ["course-a"] };
      const input = {
        ...{ ...thing, title: "Sold anew", amount: 1_000 + (pick % 5_000), currency: "USD" },
        ...{ isActive: pick % 5 > 0, isStandard: flag },
        ...(thing?.resourceType === "LEARNING_PATH" && ofPath),
        // of this history alone, and naming nobody: what an operator writes in a key stays there for its time
        ...(pick % 2 && { idempotencyKey: `price-${pick % 8}-${hashOf(learner.id)}` }),
      };
      return world.ask({ token: world.admin as string }, PRICE, { input });
    },
  },
};
