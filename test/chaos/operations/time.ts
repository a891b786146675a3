import { eventually } from "../../support/service.ts";
import type { World } from "../world.ts";
import type { Operations } from "./operation.ts";

/** Time leaps only between calls to Stripe: one that takes days, and is repeated after them, there is none. */
async function pass(world: World, days: number) {
  if (!world.host.isDown)
    await eventually(
      () => world.rows("select 1 from intents where state = 'PENDING' and lease_until > now()"),
      (rows) => rows.length === 0 || world.host.isDown,
      30_000,
    );
  return world.control("advance", { days });
}

export const TIME_OPERATIONS: Operations = {
  "some days pass": { weight: 4, run: (world, _learner, { pick }) => pass(world, 1 + (pick % 9)) },
  "a month passes": { weight: 7, run: (world, _learner, { pick }) => pass(world, 29 + (pick % 5)) },
};
