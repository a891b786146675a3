import type { EntityManager } from "@mikro-orm/postgresql";
import { OPAQUE_ID } from "../auth/caller.ts";
import { instantIn } from "../database.ts";
import { BadUserInput } from "../errors.ts";
import { prepared } from "../prepared.ts";
import type { AccessSource, PurchasableType } from "../types/enums.ts";

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
  source: AccessSource;
  startsAt: Date;
  expiresAt: Date | null;
}

/** Answers any number of questions by one statement, in their order. */
export async function decideAll(
  em: EntityManager,
  questions: readonly AccessQuestion[],
  now: Date,
): Promise<TimedDecision[]> {
  const rows = await prepared<{
    asked: number;
    source: AccessSource;
    starts_at: string;
    expires_at: string | null;
  }>(em, DECISION, [JSON.stringify(questions.map((question, asked) => ({ asked, ...question }))), now]);
  const openings: Opening[][] = questions.map(() => []);
  for (const { asked, source, starts_at, expires_at } of rows)
    openings[asked]?.push({
      source,
      startsAt: instantIn(em, starts_at) as Date,
      expiresAt: instantIn(em, expires_at),
    });
  return openings.map((found) => decisionOf(found, now));
}

/** What grants that have not ended come to at a moment. */
export function decisionOf(openings: readonly Opening[], now: Date): TimedDecision {
  let best: Opening | undefined;
  let changesAt = Number.POSITIVE_INFINITY;
  for (const opening of openings) {
    if (opening.startsAt > now) changesAt = Math.min(changesAt, opening.startsAt.getTime());
    else if (!best || endOf(opening) > endOf(best)) best = opening;
  }
  if (best) changesAt = Math.min(changesAt, endOf(best));
  return {
    granted: best !== undefined,
    source: best?.source ?? null,
    expiresAt: best?.expiresAt ?? null,
    changesAt: Number.isFinite(changesAt) ? new Date(changesAt) : null,
  };
}

const endOf = ({ expiresAt }: Opening) => expiresAt?.getTime() ?? Number.POSITIVE_INFINITY;

/**
 * The grants that open what is asked for, now or later: a platform grant what is standard, a resource grant that
 * resource, a path grant the path and its courses. Answered by indexes alone.
 */
export const DECISION = `
  select asked.asked, found.source, found.starts_at, found.expires_at
    from jsonb_to_recordset($1::jsonb)
      as asked (asked int, "userId" text, "resourceType" text, "resourceId" text)
   cross join lateral (
    select source, starts_at, expires_at from user_access
     where user_id = asked."userId" and revoked_at is null and scope = 'PLATFORM' and resource_id is null
       and not exists (select 1 from offers where resource_type = asked."resourceType"
                          and resource_id = asked."resourceId" and not is_standard)
    union all
    select source, starts_at, expires_at from user_access
     where user_id = asked."userId" and revoked_at is null
       and scope = asked."resourceType" and resource_id = asked."resourceId"
    union all
    select source, starts_at, expires_at
      from learning_path_courses path
      join user_access on user_id = asked."userId" and revoked_at is null
                      and scope = 'LEARNING_PATH' and resource_id = path.path_id
     where asked."resourceType" = 'COURSE' and path.course_id = asked."resourceId"
   ) found
   where found.expires_at is null or found.expires_at > $2`;
