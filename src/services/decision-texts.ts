import { AccessSource } from "../types/enums.ts";
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

/** What texts say, as far as they are of this generation; undefined for what is no entry at all. */
export function decisionsIn(generation: string): (text: string) => TimedDecision | undefined {
  return once((text) => {
    const entry = entryIn(text);
    if (!entry) return undefined;
    const [under, source, expiresAt, changesAt] = entry;
    if (under !== generation) return undefined;
    return {
      granted: source !== null,
      source,
      expiresAt: momentAt(expiresAt),
      changesAt: momentAt(changesAt),
    };
  });
}

function entryIn(text: string): Entry | undefined {
  try {
    const entry: unknown = JSON.parse(text);
    return isEntry(entry) ? entry : undefined;
  } catch {
    return undefined;
  }
}

function isEntry(entry: unknown): entry is Entry {
  if (!Array.isArray(entry) || entry.length !== 4 || typeof entry[0] !== "string") return false;
  const [, source, ...moments] = entry;
  return (source === null || SOURCES.has(source)) && moments.every(isMoment);
}

const SOURCES = new Set<unknown>(Object.values(AccessSource));

const isMoment = (value: unknown) =>
  value === null || (typeof value === "number" && !Number.isNaN(new Date(value).getTime()));

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
