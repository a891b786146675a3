import { AccessSource, type PurchasableType } from "../types/enums.ts";
import type { AccessQuestion, Decision, TimedDecision } from "./access-question.ts";

/** Names of questions that came up lately, by type and id: what is kept of all users about a course shares one text. */
const names: Readonly<Record<PurchasableType, Map<string, string>>> = {
  COURSE: new Map(),
  LEARNING_PATH: new Map(),
};
const MOST_NAMES = 10_000;

/** What a question is called among those about a user; no id has a line break in it. */
export function fieldOf({ resourceType, resourceId }: AccessQuestion): string {
  const ofType = names[resourceType];
  const known = ofType.get(resourceId);
  if (known) return known;
  if (ofType.size === MOST_NAMES) ofType.clear();
  // a text of its own: a piece of a request would keep the whole of it
  const id = Buffer.from(resourceId).toString();
  const name = `${resourceType}:${id}`;
  ofType.set(id, name);
  return name;
}

/** A decision as it is kept: under which generation of the catalogue, and what it says. */
type Entry = [
  generation: string,
  source: Decision["source"],
  expiresAt: number | null,
  changesAt: number | null,
];

/** As texts, each with the fields of all decisions that read so. */
export function textsOf(
  generation: string,
  decisions: ReadonlyMap<TimedDecision, readonly string[]>,
): ReadonlyMap<string, readonly string[]> {
  const texts = new Map<string, readonly string[]>();
  for (const [{ source, expiresAt, changesAt }, fields] of decisions) {
    const entry: Entry = [generation, source, expiresAt?.getTime() ?? null, changesAt?.getTime() ?? null];
    const text = JSON.stringify(entry);
    texts.set(text, [...(texts.get(text) ?? []), ...fields]);
  }
  return texts;
}

/** What texts say of the fields that have them, as far as they are of this generation and hold still. */
export function decisionsIn(
  texts: Iterable<readonly [text: string, fields: readonly string[]]>,
  generation: string,
  now: Date,
): ReadonlyMap<string, TimedDecision> {
  const decisions = new Map<string, TimedDecision>();
  for (const [text, fields] of texts) {
    const decision = stillHolding(decisionIn(text, generation), now);
    if (decision) for (const field of fields) decisions.set(field, decision);
  }
  return decisions;
}

/** Undefined for what is no entry at all, or of another generation. */
function decisionIn(text: string, generation: string): TimedDecision | undefined {
  const [under, source = null, expiresAt = null, changesAt = null] = entryIn(text) ?? [];
  if (under !== generation) return undefined;
  return {
    ...{ granted: source !== null, source },
    ...{ expiresAt: momentAt(expiresAt), changesAt: momentAt(changesAt) },
  };
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

/** The decision, unless time has made it another one. */
export const stillHolding = (decision: TimedDecision | undefined, now: Date): TimedDecision | undefined =>
  decision && (!decision.changesAt || now < decision.changesAt) ? decision : undefined;
