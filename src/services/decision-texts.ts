import type { AccessQuestion, Decision, TimedDecision } from "./access-question.ts";

/** The field of a user's hash that a question has. */
export const fieldOf = ({ resourceType, resourceId }: AccessQuestion): string =>
  `${resourceType}:${resourceId}`;

/** A decision as it is kept: under which generation of the catalogue, and what it says. */
type Entry = [
  generation: string,
  source: Decision["source"],
  expiresAt: number | null,
  changesAt: number | null,
];

/** As texts, for whom most decisions of a user are the same. */
export function textsOf(generation: string): (decision: TimedDecision) => string {
  return once(({ source, expiresAt, changesAt }) =>
    JSON.stringify([
      ...[generation, source, expiresAt?.getTime() ?? null, changesAt?.getTime() ?? null],
    ] as Entry),
  );
}

/** What texts say, as far as they are of this generation. */
export function decisionsIn(generation: string): (text: string) => TimedDecision | undefined {
  return once((text) => {
    const [under, source, expiresAt, changesAt] = JSON.parse(text) as Entry;
    if (under !== generation) return undefined;
    return {
      granted: source !== null,
      source,
      expiresAt: momentAt(expiresAt),
      changesAt: momentAt(changesAt),
    };
  });
}

const momentAt = (milliseconds: number | null) => (milliseconds === null ? null : new Date(milliseconds));

function once<From, To>(make: (from: From) => To): (from: From) => To {
  const made = new Map<From, To>();
  return (from) => {
    if (!made.has(from)) made.set(from, make(from));
    return made.get(from) as To;
  };
}

/** The decision, unless time has made it another one. */
export const stillHolding = (decision: TimedDecision | undefined, now: Date): TimedDecision | undefined =>
  decision && (!decision.changesAt || now < decision.changesAt) ? decision : undefined;
