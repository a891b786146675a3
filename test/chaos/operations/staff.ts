import type { Operations } from "./operation.ts";

const ANONYMIZE = "mutation ($id: ID!) { anonymizeUser(userId: $id) { finishedAt } }";

/** What the platform's own people do to a learner. */
export const STAFF_OPERATIONS: Operations = {
  "the learner is anonymised": {
    weight: 3,
    async run(world, learner) {
      learner.had.push(...(await world.customers(learner)).map(({ id }) => id));
      return world.ask({ token: world.admin as string }, ANONYMIZE, { id: learner.id });
    },
  },
};
