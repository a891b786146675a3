import fc from "fast-check";
import { accessFaults } from "./access.ts";
import { addPseudonyms, identityFaults } from "./anonymized.ts";
import { eventFaults, readStream } from "./events.ts";
import { mirrorFaults } from "./mirror.ts";
import { OPERATIONS } from "./operations/index.ts";
import type { Choice } from "./operations/operation.ts";
import { promotionFaults } from "./promotions.ts";
import { purchaseFaults } from "./purchases.ts";
import { driftFaults } from "./second-opinion.ts";
import { settle } from "./settling.ts";
import { moneyFaults, slotFaults } from "./slots.ts";
import { readStripe } from "./stripe-state.ts";
import { DEATHS, pointOf, TROUBLES } from "./troubles.ts";
import type { World } from "./world.ts";

/** One thing that happens, and whether the next waits for it. */
export interface Step extends Choice {
  verb: string;
  learner: number;
  isAwaited: boolean;
}

/** How long anything is waited for before the history goes on. */
const PATIENCE_MS = 600;

const weighted = Object.entries({ ...OPERATIONS, ...TROUBLES }).map(([verb, { weight }]) => ({
  weight,
  arbitrary: fc.constant(verb),
}));

const first = { learner: 0, flag: false, isAwaited: true };

const step: fc.Arbitrary<Step> = fc.record({
  verb: fc.oneof(...weighted),
  learner: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat({ max: 2 }) }),
  pick: fc.nat({ max: 999 }),
  flag: fc.boolean(),
  isAwaited: fc.oneof(
    { weight: 4, arbitrary: fc.constant(true) },
    { weight: 1, arbitrary: fc.constant(false) },
  ),
});
/** A death of the service, and where in a history it comes. */
const death = fc.record({
  at: fc.nat({ max: 999 }),
  step: fc.record({
    ...{ verb: fc.constantFrom(...DEATHS), learner: fc.constant(0), flag: fc.constant(false) },
    ...{ pick: fc.nat({ max: 999 }), isAwaited: fc.constant(true) },
  }),
});

/**
 * A history: what several learners, Stripe and their surroundings do, in order. Most begin with a subscriber, so that
 * there is something to do things to, and in most the service dies; shortening takes that away too, unless a death
 * is asked for.
 */
export const historyOf = ({ alwaysDies = false } = {}): fc.Arbitrary<Step[]> =>
  fc
    .tuple(
      fc.oneof(
        { weight: 1, arbitrary: fc.constant([]) },
        {
          weight: 5,
          arbitrary: fc.nat({ max: 2 }).map((pick): Step[] => [{ ...first, verb: "subscribe", pick }]),
        },
      ),
      fc.array(step, { minLength: 2, maxLength: 14, size: "max" }),
      alwaysDies ? death : fc.option(death, { freq: 3 }),
    )
    .map(([beginning, rest, end]) => {
      const at = end ? end.at % (rest.length + 1) : rest.length;
      return [...beginning, ...rest.slice(0, at), ...(end ? [end.step] : []), ...rest.slice(at)];
    });

/** Lives through a history, and returns what does not hold when the dust has settled. */
export async function faultsAfter(world: World, steps: readonly Step[]): Promise<string[]> {
  await world.timed("beginning", () => world.begin());
  await world.timed("happening", async () => {
    for (const step of steps) await take(world, step);
  });
  try {
    await world.timed("settling", () => settle(world));
  } catch (error) {
    return [(error as Error).message, ...world.surprises];
  }
  return world.timed("comparing", () => faultsOf(world));
}

/** What does not hold now, when nothing is left to be done. */
export async function faultsOf(world: World): Promise<string[]> {
  await addPseudonyms(world);
  const state = await readStripe(world);
  const published = await readStream(world);
  return [
    ...world.surprises,
    ...(await identityFaults(world)),
    ...(await mirrorFaults(world, state)),
    ...(await accessFaults(world, state)),
    ...(await eventFaults(world, state, published)),
    ...(await purchaseFaults(world, state)),
    ...(await moneyFaults(world, state)),
    ...(await promotionFaults(world)),
    ...(await driftFaults(world, state)),
    ...(await slotFaults(world, state)),
  ];
}

async function take(world: World, step: Step): Promise<void> {
  // a process that died is started again one step later, sometimes two
  if (world.host.isDown && step.pick % 3 > 0) await world.restart();
  const learner = world.learners[step.learner];
  if (!learner) return;
  const trouble = TROUBLES[step.verb];
  const act = trouble ? trouble.run(world, step) : OPERATIONS[step.verb]?.run(world, learner, step);
  const done = Promise.resolve(act)
    .then(
      (result) => world.count(step.verb, trouble ? "happened" : outcomeOf(result)),
      () => world.count(step.verb, "refused"),
    )
    .finally(() => world.underWay.delete(done));
  world.underWay.add(done);
  if (step.isAwaited) await withPatience(done);
}

/** What an operation gave: several answers, one, or nothing. */
function outcomeOf(result: unknown): "happened" | "idle" | "refused" {
  const answers = [result].flat() as ({ errors?: unknown } | undefined)[];
  if (answers.every((answer) => answer === undefined || answer === null)) return "idle";
  return answers.every((answer) => answer?.errors) ? "refused" : "happened";
}

async function withPatience(done: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const enough = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, PATIENCE_MS);
  });
  await Promise.race([done, enough]);
  clearTimeout(timer);
}

/** A history as somebody would tell it. */
export function told(steps: readonly Step[]): string {
  return steps
    .map(({ verb, learner, pick, flag, isAwaited }, at) => {
      const who = TROUBLES[verb] ? "" : `learner ${learner}: `;
      const where =
        verb === "the process dies at a point" ? ` (${pointOf(pick)}, time ${1 + (pick % 3)})` : "";
      const choice = ` [${pick}${flag ? ", yes" : ", no"}]${isAwaited ? "" : " and meanwhile"}`;
      return `${String(at + 1).padStart(4)}. ${who}${verb}${where}${choice}`;
    })
    .join("\n");
}
