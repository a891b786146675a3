import type { Learner, World } from "../world.ts";

/** What a step chooses by: any number, and a yes or no. */
export interface Choice {
  pick: number;
  flag: boolean;
}

/**
 * What somebody does: a learner, Stripe's customer service, a bank, time. What is refused is thrown or answered with
 * errors; nothing is given when there was nothing to do.
 */
export type Operation = (world: World, learner: Learner, choice: Choice) => Promise<unknown>;

/** Operations by what a failing history calls them, and how often each is drawn. */
export type Operations = Record<string, { weight: number; run: Operation }>;

/** Does something to what is found; nothing when there is none. */
export function ifFound<Found>(
  find: (world: World, learner: Learner, choice: Choice) => Promise<Found | undefined>,
  act: (world: World, found: Found, choice: Choice) => Promise<unknown>,
): Operation {
  return async (world, learner, choice) => {
    const found = await find(world, learner, choice);
    return found === undefined ? undefined : act(world, found, choice);
  };
}

/** One of several, by a number; undefined when there is none. */
export const choose = <T>(from: readonly T[], pick: number): T | undefined =>
  from[pick % Math.max(1, from.length)];
