import type { EntityManager } from "@mikro-orm/postgresql";
import { instantIn } from "../database.ts";
import { prepared } from "../prepared.ts";
import type { AccessScope, AccessSource } from "../types/enums.ts";
import type { DecisionCause } from "../types/results.ts";
import { type AccessQuestion, type Decision, type Opening, precedence } from "./access-question.ts";
import { withoutStripe } from "./subscription-history.service.ts";

/** A decision of the past, and what made it so; null when nothing had been said of the question by then. */
export interface PastDecision extends Decision {
  cause: DecisionCause | null;
}

/**
 * What the question would have been answered with at a moment, from what the service knew then: the audit log has every
 * state that grants and offers were ever in, and why. What is learnt later about that moment changes nothing of it.
 */
export async function decisionAt(
  em: EntityManager,
  { userId, resourceType, resourceId }: AccessQuestion,
  moment: Date,
): Promise<PastDecision> {
  const rows = await prepared<Row>(em, STATES, [userId, resourceType, resourceId, moment]);
  const states = rows.map((row) => ({ ...row, ...row.after, cause: causeIn(em, row) }));
  const offer = states.find(({ scope }) => scope === null);
  const open = states
    .filter(({ scope, startsAt, expiresAt, revokedAt }) => {
      const inForce = !revokedAt && (!expiresAt || new Date(expiresAt) > moment);
      return scope !== null && inForce && new Date(startsAt) <= moment;
    })
    .sort((one, other) => precedence(openingIn(one), openingIn(other)));
  const best = open.find(({ scope }) => scope !== "PLATFORM" || offer?.isStandard !== false);
  if (!best) {
    // open grants that the offer keeps from opening it; else whatever was said of a grant last
    const { cause = null } = (open.length > 0 ? offer : states.find(({ scope }) => scope !== null)) ?? {};
    return { granted: false, source: null, expiresAt: null, cause };
  }
  const { source, expiresAt, cause } = best;
  return { granted: true, source, expiresAt: expiresAt ? new Date(expiresAt) : null, cause };
}

/** A state of a grant, or (without a scope) of the offer of what is asked about, and the entry that tells of it. */
interface Row extends Omit<DecisionCause, "at" | "causedBy"> {
  scope: AccessScope | null;
  after: {
    source: AccessSource;
    startsAt: string;
    expiresAt: string | null;
    revokedAt: string | null;
    isStandard?: boolean;
  };
  at: string;
  caused_by: string | null;
}

const openingIn = ({ scope, source, startsAt, expiresAt }: Pick<Row, "scope"> & Row["after"]): Opening => ({
  ...{ scope: scope as AccessScope, source },
  ...{ startsAt: new Date(startsAt), expiresAt: expiresAt ? new Date(expiresAt) : null },
});

const causeIn = (em: EntityManager, { reason, ...row }: Row): DecisionCause => ({
  ...{ at: instantIn(em, row.at) as Date, actor: row.actor, action: row.action, causedBy: row.caused_by },
  reason: reason && withoutStripe(reason),
});

/** The last entry about a row, up to the moment. */
const lastEntry = (table: string, rowId: string) => `
  select after, at, id, actor, action, reason, caused_by from audit_log
   where table_name = '${table}' and row_id = ${rowId} and at <= $4
   order by at desc, id desc limit 1`;

/** Latest first: of the offer, and of each grant that could have opened the resource. */
const STATES = `
  select * from (
    select null as scope, offer.* from (${lastEntry("offers", "$2::text || ':' || $3::text")}) offer
    union all
    select access.scope, state.* from user_access access
     cross join lateral (${lastEntry("user_access", "access.id::text")}) state
     where access.user_id = $1
       and (access.scope = 'PLATFORM' or access.scope = $2 and access.resource_id = $3
         or access.scope = 'LEARNING_PATH' and $2 = 'COURSE' and exists (
           select 1 from (${lastEntry("offers", "'LEARNING_PATH:' || access.resource_id")}) path
            where path.after->'courseIds' @> to_jsonb($3::text)))
  ) states
   order by at desc, id desc`;
