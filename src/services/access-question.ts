import type { EntityManager } from "@mikro-orm/postgresql";
import { OPAQUE_ID } from "../auth/caller.ts";
import { instantIn } from "../database.ts";
import { BadUserInput } from "../errors.ts";
import { prepared } from "../prepared.ts";
import type { AccessScope, AccessSource, PurchasableType } from "../types/enums.ts";

/** May this user open this? */
export interface AccessQuestion {
  userId: string;
  resourceType: PurchasableType;
  resourceId: string;
}

/** The question as a client asks it. @throws BadUserInput for what cannot be anybody's id */
export function questionOf(
  userId: string,
  resourceType: PurchasableType,
  resourceId: string,
): AccessQuestion {
  if (!OPAQUE_ID.test(resourceId))
    throw new BadUserInput("resourceId", "An id has 1 to 128 printable characters.");
  return { userId, resourceType, resourceId };
}

/** The answer, with the grant that decided it: the one that lasts longest. */
export interface Decision {
  granted: boolean;
  source: AccessSource | null;
  expiresAt: Date | null;
}

/** A decision, and the next moment at which time alone may make it another one; null when it never does. */
export interface TimedDecision extends Decision {
  changesAt: Date | null;
}

/** What a grant says of a question: from when until when it opens what is asked for. */
export interface Opening {
  scope: AccessScope;
  source: AccessSource;
  startsAt: Date;
  expiresAt: Date | null;
}

/** A row of {@link DECISION}: a grant of a user, a course that is in a path, or what only its own grant opens. */
interface Fact {
  fact: "GRANT" | "IN_PATH" | "RESERVED";
  user_or_path: string | null;
  scope: AccessScope | null;
  resource_id: string | null;
  source: AccessSource | null;
  starts_at: string | null;
  expires_at: string | null;
}

type ByName<V> = Map<string, V>;

/** Grants by what they open: each question is a few look-ups, however many grants there are. */
class Grants {
  private readonly ofPlatform: ByName<Opening[]> = new Map();
  /** By user, scope and resource. */
  private readonly ofResources: ByName<ByName<ByName<Opening[]>>> = new Map();
  private readonly paths: ByName<string[]> = new Map();
  /** By type and resource. */
  private readonly reserved: ByName<Set<string>> = new Map();

  constructor(em: EntityManager, facts: readonly Fact[]) {
    for (const { fact, user_or_path: owner, scope, resource_id: resource, ...grant } of facts) {
      if (fact === "IN_PATH") add(this.paths, resource as string, owner as string);
      else if (fact === "RESERVED")
        within(this.reserved, scope as string, () => new Set()).add(resource as string);
      else {
        const opening = openingIn(em, scope as AccessScope, grant);
        if (scope === "PLATFORM") add(this.ofPlatform, owner as string, opening);
        else {
          const ofUser = within(this.ofResources, owner as string, () => new Map());
          add(
            within(ofUser, scope as string, () => new Map()),
            resource as string,
            opening,
          );
        }
      }
    }
  }

  /** Those that open what is asked for. */
  of({ userId, resourceType, resourceId }: AccessQuestion): readonly Opening[] {
    const isReserved = this.reserved.get(resourceType)?.has(resourceId) ?? false;
    const ofAll = isReserved ? NONE : (this.ofPlatform.get(userId) ?? NONE);
    const ofUser = this.ofResources.get(userId);
    if (!ofUser) return ofAll;
    const own = ofUser.get(resourceType)?.get(resourceId) ?? NONE;
    const ofPaths = resourceType === "COURSE" ? ofUser.get("LEARNING_PATH") : undefined;
    const paths = ofPaths ? this.paths.get(resourceId) : undefined;
    if (!paths) return own.length > 0 ? [...ofAll, ...own] : ofAll;
    return [
      ...[...ofAll, ...own],
      ...paths.flatMap((path): readonly Opening[] => ofPaths?.get(path) ?? NONE),
    ];
  }
}

const NONE: readonly never[] = [];

function within<V>(all: ByName<V>, name: string, make: () => V): V {
  const value = all.get(name) ?? make();
  all.set(name, value);
  return value;
}

const add = <V>(all: ByName<V[]>, name: string, value: V): void =>
  void within(all, name, () => [] as V[]).push(value);

/** Answers any number of questions by one statement, in their order. */
export async function decideAll(
  em: EntityManager,
  questions: readonly AccessQuestion[],
  now: Date,
): Promise<TimedDecision[]> {
  const facts = await prepared<Fact>(em, DECISION, [
    [...new Set(questions.map(({ userId }) => userId))],
    [...new Set(questions.map(({ resourceId }) => resourceId))],
    now,
  ]);
  const grants = new Grants(em, facts);
  // most of a page is opened by the same grant, or by none: one object for all of it
  const shared = new Map<Opening | undefined, TimedDecision>();
  return questions.map((question) => {
    const opening = grants.of(question);
    const known = opening.length > 1 ? undefined : shared.get(opening[0]);
    const decision = known ?? decisionOf(opening, now);
    if (opening.length < 2) shared.set(opening[0], decision);
    return decision;
  });
}

const openingIn = (
  em: EntityManager,
  scope: AccessScope,
  { source, starts_at, expires_at }: Pick<Fact, "source" | "starts_at" | "expires_at">,
): Opening => ({
  ...{ scope, source: source as AccessSource },
  ...{ startsAt: instantIn(em, starts_at) as Date, expiresAt: instantIn(em, expires_at) },
});

/** What grants that have not ended come to at a moment. */
export function decisionOf(openings: readonly Opening[], now: Date): TimedDecision {
  let best: Opening | undefined;
  let changesAt = Number.POSITIVE_INFINITY;
  for (const opening of openings) {
    if (opening.startsAt > now) changesAt = Math.min(changesAt, opening.startsAt.getTime());
    else if (!best || precedence(opening, best) < 0) best = opening;
  }
  if (best) changesAt = Math.min(changesAt, endOf(best));
  return {
    granted: best !== undefined,
    source: best?.source ?? null,
    expiresAt: best?.expiresAt ?? null,
    changesAt: Number.isFinite(changesAt) ? new Date(changesAt) : null,
  };
}

/**
 * Below zero when the first of two grants is the one that answers: which lasts longer; of equally long ones the one of
 * less, then the one that began later, then by the name of its source, so that no order of rows decides.
 */
export function precedence(one: Opening, other: Opening): number {
  const [end, otherEnd] = [endOf(one), endOf(other)];
  if (end !== otherEnd) return end > otherEnd ? -1 : 1;
  return (
    NARROWEST_FIRST.indexOf(one.scope) - NARROWEST_FIRST.indexOf(other.scope) ||
    other.startsAt.getTime() - one.startsAt.getTime() ||
    one.source.localeCompare(other.source, "en")
  );
}

const NARROWEST_FIRST: readonly AccessScope[] = ["COURSE", "LEARNING_PATH", "PLATFORM"];

const endOf = ({ expiresAt }: Opening) => expiresAt?.getTime() ?? Number.POSITIVE_INFINITY;

/**
 * All that decides about users and resources, now or later: a platform grant opens what is standard, a resource grant
 * that resource, a path grant the path and its courses. Grants are read from their index alone, each user's once,
 * however many resources are asked about, and only what may open one of these is told. The arrays stand in subselects so that PostgreSQL, which cannot look into
 * them there, keeps one plan: it would plan anew for each array otherwise, which takes longer than to answer.
 */
export const DECISION = `
  select 'GRANT' as fact, user_id as user_or_path, scope, resource_id, source, starts_at, expires_at
    from user_access
   where user_id = any((select $1)::text[]) and revoked_at is null
     and (scope = 'PLATFORM' or resource_id in (
       select unnest($2::text[])
       union all select path_id from learning_path_courses where course_id = any((select $2)::text[])))
     and (expires_at is null or expires_at > $3)
  union all
  select 'IN_PATH', path_id, null, course_id, null, null, null
    from learning_path_courses
   where course_id = any((select $2)::text[]) and path_id in (
     select resource_id from user_access
      where user_id = any((select $1)::text[]) and revoked_at is null and scope = 'LEARNING_PATH')
  union all
  select 'RESERVED', null, resource_type, resource_id, null, null, null
    from offers
   where resource_type in ('COURSE', 'LEARNING_PATH') and resource_id = any((select $2)::text[]) and not is_standard`;
